"""Damaged snapshots, and losses that are not finite: a run ends with advice. See tests/helpers/fuzzing.py."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from safetensors.torch import load_file, save_file

from ftcore import paths, tracking
from ftcore.models import checkpoint_files, checkpoints
from ftcore.modes import mode_defaults
from ftcore.runs import execution
from ftcore.training import snapshots
from tests.helpers import small_runs
from tests.helpers.fuzzing import damaged, examples
from tests.helpers.paused_runs import paused

USUAL_SGD_RATES = {"full": 0.1, "last-layer": 1.0, "gradual": 1.0, "scratch": 0.1}


@pytest.fixture(autouse=True)
def sample(monkeypatch):
    small_runs.small_sample(monkeypatch)


@pytest.fixture
def paused_run():
    return paused(small_runs.config())


@given(st.data())
@examples(60)
def test_a_damaged_snapshot_is_refused_or_equal(paused_run, data):
    folder = checkpoints.run_path(paused_run)
    file = snapshots.path(folder)
    content, expected = file.read_bytes(), snapshots.load(folder)
    try:
        file.write_bytes(data.draw(damaged(content)))
        snapshot = snapshots.load(folder)
    except snapshots.UnreadableSnapshot:
        return
    finally:
        file.write_bytes(content)
    assert snapshot is not None and expected is not None and snapshot.values == expected.values
    assert all(snapshot.tensors[name].equal(expected.tensors[name]) for name in expected.tensors)


def executed(**values: Any) -> tracking.Run:
    """A run of one epoch at a constant rate, as recorded when it has ended."""
    short = {"epochs": 1, "evaluations": 1, "schedule": "constant", "weight_decay": 0.0}
    run_id = tracking.create_run(small_runs.config(**short | values))
    for _ in execution.execute(run_id):
        pass
    return tracking.run(run_id)


def advice(**values: Any) -> str:
    """The message of a run that diverges and keeps a checkpoint from before."""
    run = executed(**values)
    assert run.status == "failed", (values, run.message)
    assert run.message.endswith(".") and "\n" not in run.message
    model = checkpoint_files.load_model(checkpoints.find(run.run_id))
    assert all(weight.isfinite().all() for weight in model.parameters())
    return run.message


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("mode", USUAL_SGD_RATES)
def test_the_advice_for_too_high_a_rate_helps(mode, optimizer):
    settings = {"mode": mode, "optimizer": optimizer, "max_grad_norm": 0.0, "weight_decay": 0.01}
    message = advice(**settings, learning_rate=1e6)
    assert "Try a smaller learning rate than 1e+06" in message and "weight decay" not in message
    assert ("gradient clipping" in message) == (optimizer == "sgd")
    usual = mode_defaults(mode).learning_rate
    assert (f"(Quick takes {usual:g})" in message) == (optimizer == "adamw")
    rate = usual if optimizer == "adamw" else USUAL_SGD_RATES[mode]
    assert executed(**settings, learning_rate=rate).status == "finished"


def test_the_advice_names_only_settings_that_can_be_the_cause():
    sgd = {"optimizer": "sgd", "max_grad_norm": 1.0, "learning_rate": 3.0}
    message = advice(**sgd, weight_decay=10.0)
    assert "a smaller weight decay than 10" in message and "clipping" not in message
    assert executed(**sgd).status == "finished"
    rates = {"learning_rate": 1e6, "embedding_rate": 10.0, "train_embeddings": True}
    message = advice(**rates, max_grad_norm=0.0)
    assert "a smaller rate of the word vectors than 10" in message


@pytest.mark.parametrize(
    ("value", "sentence"), [(float("nan"), "not all finite"), (3e38, "before the first step")]
)
def test_unusable_weights_are_blamed_and_not_the_rate(value, sentence):
    folder = paths.checkpoints_dir() / "base"
    config = json.loads((folder / checkpoints.CONFIG).read_text())
    for name in (
        "checksum",
        "weights_fingerprint",
    ):  # as of an earlier version, whose weights may be any
        del config[name]
    (folder / checkpoints.CONFIG).write_text(json.dumps(config))
    file = folder / checkpoints.WEIGHTS
    tensors = load_file(file)
    tensors["transformer_encoder.layers.0.linear1.weight"].fill_(value)
    save_file(tensors, file)
    run = executed()
    assert run.status == "failed" and sentence in run.message and "rate" not in run.message
