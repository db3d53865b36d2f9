"""A model larger than memory is told from the header of its weights, before they are loaded."""

import json
import struct
from types import SimpleNamespace

import pytest

from ftcore import memory
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.exchange import huggingface
from ftcore.models import checkpoint_files, checkpoints
from ftcore.runs.train import train
from ftcore.training import loop
from tests.helpers import small_encoders, small_runs


def forbid(*_, **__):
    raise AssertionError("the weights were loaded")


def test_an_encoder_larger_than_memory_is_not_imported(tmp_path, monkeypatch):
    path = small_encoders.write_folder(tmp_path / "huge")
    weights = path / "model.safetensors"
    with weights.open("r+b") as file:
        [length] = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        name = "embeddings.word_embeddings.weight"
        vocabulary = 10**8
        size = vocabulary * 32 * 4
        others = [entry for key, entry in header.items() if key not in (name, "__metadata__")]
        header[name] = {"dtype": "F32", "shape": [vocabulary, 32], "data_offsets": [0, size]}
        for entry in others:
            start, end = entry["data_offsets"]
            entry["data_offsets"] = [size, size + end - start]
            size += end - start
        encoded = json.dumps(header).encode()
        file.seek(0)
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        file.truncate(8 + len(encoded) + size)  # nothing is on disk
    config = json.loads((path / "config.json").read_text()) | {"vocab_size": vocabulary}
    (path / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(memory, "available", lambda: 8_000_000_000)
    monkeypatch.setattr(huggingface, "load", forbid)
    sentence = r"^huge needs 12\.8 GB of memory, and 8\.0 GB are free: choose a smaller model\.$"
    with pytest.raises(UnfreezeError, match=sentence):
        drain(huggingface.import_encoder(str(path)))


def test_a_run_is_refused_if_its_mode_needs_more_memory_than_there_is(monkeypatch):
    small_runs.small_sample(monkeypatch)
    parameters = checkpoints.find("base").model.parameters
    monkeypatch.setattr(memory, "available", lambda: 4 * 4 * parameters)

    def run(mode):
        config = small_runs.config(mode=mode, train_embeddings=True, optimizer="adamw")
        drain(train(config, checkpoints.run_path("run"), "run"))

    run("last-layer")
    monkeypatch.setattr(checkpoint_files, "load_model", forbid)
    with pytest.raises(UnfreezeError, match=r"in this mode needs .* or a mode that trains less"):
        run("full")


def test_snapshots_take_a_small_share_of_the_time(monkeypatch):
    state = SimpleNamespace(step=5, last_evaluated=3, last_snapshot=1000.0, snapshot_seconds=10.0)
    clock = 1000.0 + loop.SNAPSHOT_SECONDS + 1
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock))
    assert not loop._snapshot_is_due(state)
    clock = 1201.0
    assert loop._snapshot_is_due(state)
    clock = 1001.0
    state.last_evaluated = 5
    assert loop._snapshot_is_due(state)
