"""Damaged and odd checkpoints and model files: a complete model, or refused with a message."""

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from ftcore import paths
from ftcore.events import drain
from ftcore.exchange.lesson_import import import_lesson
from ftcore.inference import prediction
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import CARD, CONFIG, VOCABULARY, WEIGHTS, WORDS
from tests.helpers import small_runs
from tests.helpers.app_pages import open_page
from tests.helpers.fuzzing import DEEP_JSON, ODD_VALUES, accepted, altered_json, damaged, examples
from tests.helpers.lesson_files import Lesson, net

FILES = [CONFIG, WEIGHTS, WORDS, VOCABULARY]
OTHER_CONTENTS = [b"", b"\0", b"null", b"[]", b"\xef\xbb\xbf{}", b"\xff\xfe", b"9" * 10_000]
OTHER_CONTENTS += [DEEP_JSON.encode(), b'{"format": 2, "format": 1}', b'{"a":' * 90_000]


@pytest.fixture
def valid(home, monkeypatch):
    """A valid checkpoint's folder, which is not listed; small ones are bundled."""
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", home / "bundled")
    small_runs.bundled(home / "bundled")
    path = paths.checkpoints_dir() / "bad"
    metrics = {"test_accuracy": 0.9, "best_step": 4.0}
    origin = {"run": "x", "config": {"mode": "full", "source": ""}, "trains": "all"}
    small_runs.checkpoint(path, "bad", metrics=metrics, origin=origin)
    # As of an earlier version: with fingerprints and a checksum, any change is refused.
    config = json.loads((path / CONFIG).read_text())
    for name in ("checksum", "weights_fingerprint", "vectors_fingerprint"):
        del config[name]
    (path / CONFIG).write_text(json.dumps(config))
    shutil.copytree(path, home / "valid")
    (path / CARD).write_text("# Card")
    return home / "valid"


def restore(valid: Path, **contents: bytes) -> Path:
    """Make the checkpoint `bad` a valid one, but for the given files. Returns its folder."""
    path = paths.checkpoints_dir() / "bad"
    for file in FILES:
        shutil.copy(valid / file, path / file)
    for file, content in contents.items():
        (path / file).write_bytes(content)
    return path


def prediction_if_valid() -> prediction.Prediction | None:
    """The answer of the checkpoint `bad`, None if it is refused; the others must be unaffected."""
    prediction._models.clear()  # a file that changes twice within the clock's resolution looks the same
    refs = {checkpoint.ref for checkpoint in checkpoints.list_checkpoints()}
    assert {"starter", "sentiment"} <= refs
    accepted(lambda: checkpoints.find("bad"))
    predictions = accepted(lambda: prediction.predict("bad", ["the film is good"]))
    if predictions is None:
        return None
    (answer,) = predictions
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.label in answer.probabilities and len(answer.probabilities) == 4
    return answer


@given(st.data())
@examples(300)
def test_damaged_or_odd_file(valid, data):
    file = data.draw(st.sampled_from([CONFIG, *FILES]))
    contents = damaged((valid / file).read_bytes())
    if file == CONFIG:
        configs = altered_json(json.loads((valid / CONFIG).read_text()))
        contents |= configs.map(lambda config: json.dumps(config).encode())
    restore(valid, **{file: data.draw(contents)})
    prediction_if_valid()


@given(st.data())
@examples(40)
def test_truncated_file_is_refused(valid, data):
    file = data.draw(st.sampled_from(FILES))
    content = (valid / file).read_bytes()
    restore(valid, **{file: content[: data.draw(st.integers(0, len(content.rstrip()) - 1))]})
    assert prediction_if_valid() is None


@given(st.data())
@examples(10)
def test_pages_show_every_listed_checkpoint(valid, no_hub, data):
    config = json.loads((valid / CONFIG).read_text())
    key = data.draw(st.sampled_from(list(config)))
    odd = (
        altered_json(config[key]) if isinstance(config[key], dict) else st.sampled_from(ODD_VALUES)
    )
    config[key] = data.draw(odd)
    restore(valid, **{CONFIG: json.dumps(config).encode()})
    for page in ("checkpoints", "predict", "train"):
        app = open_page(page, model="bad")
        assert not app.exception, (config, app.exception)


@pytest.mark.parametrize("content", OTHER_CONTENTS)
@pytest.mark.parametrize("file", FILES)
def test_other_content_is_refused(valid, file, content):
    restore(valid, **{file: content})
    assert prediction_if_valid() is None


@pytest.mark.parametrize("file", [*FILES, CARD])
def test_folder_pipe_or_broken_link_in_place_of_a_file_beside_an_odd_folder(valid, file):
    shutil.copytree(valid, paths.checkpoints_dir() / os.fsdecode(b"\xff\xfe"))  # no name
    path = paths.checkpoints_dir() / "bad" / file
    for create in (path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to(path)):
        restore(valid)
        path.unlink(missing_ok=True)
        create()
        assert (prediction_if_valid() is None) == (file != CARD)
        assert file != CARD or checkpoints.find("bad").card == ""
        shutil.rmtree(path) if path.is_dir() else path.unlink()


# A change of a weight, and whether the checkpoint can be used afterwards; None if that depends.
CHANGES: dict[str, tuple[Callable[[Tensor], Tensor], bool | None]] = {
    "inf": (lambda w: w.fill_(math.inf), False),
    "nan": (lambda w: w.flatten().index_fill_(0, torch.tensor([0]), math.nan).view_as(w), False),
    "int": (lambda w: w.int(), False),
    "complex": (lambda w: w.to(torch.complex64), False),
    "no rows": (lambda w: w[:0], False),
    "another axis": (lambda w: w[None], False),
    "double": (lambda w: w.double(), True),
    "bf16": (lambda w: w.bfloat16(), True),
    "huge": (lambda w: w.float() * 0 + 3e38, None),
    "float8": (lambda w: w.to(torch.float8_e4m3fn), None),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["embedding.weight", "classifier.weight", "classifier.bias"])
def test_weights_of_another_kind(valid, name, change):
    path = restore(valid) / (WORDS if name.startswith("embedding") else WEIGHTS)
    tensors = load_file(path)
    apply, usable = CHANGES[change]
    save_file(tensors | {name: apply(tensors[name])}, path)
    assert (prediction_if_valid() is not None) == usable or usable is None


SIZES: list[dict[str, int]] = [{"vocab_size": 10**8, "dim": 10**6}, {"layers": 10**9}]
SIZES += [{"layers": 200, "feedforward": 10**6}, {"heads": 10**6, "dim": 10**6}, {"layers": True}]


@pytest.mark.parametrize("sizes", SIZES)
def test_model_too_large_for_memory_is_refused(valid, sizes):
    config = json.loads((valid / CONFIG).read_text())
    config["model"] |= sizes
    restore(valid, **{CONFIG: json.dumps(config).encode()})
    assert prediction_if_valid() is None


@pytest.fixture
def lesson(tmp_path):
    return Lesson(tmp_path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("older", [False, True])
@given(st.data())
@examples(60)
def test_damaged_lesson_file(lesson, older, data):
    """Torch's present format has checksums: if accepted, the weights are the original ones."""
    original = net(classes=2)
    content = lesson.save(original, _use_new_zipfile_serialization=not older).file.read_bytes()
    lesson.file.write_bytes(data.draw(damaged(content)))
    shutil.rmtree(paths.checkpoints_dir() / "damaged", ignore_errors=True)
    task = import_lesson(lesson.file, lesson.vectors, name="damaged", ag_news_source="x")
    if (checkpoint := accepted(lambda: drain(task))) is not None:
        expected = original.state_dict() | {"embedding.weight": original.emb.weight}
        weights = checkpoint_files.load_model(checkpoint).state_dict()
        assert older or all(weights[name].equal(expected[name]) for name in weights)
