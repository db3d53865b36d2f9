"""Bad states to go on from, and losses that are no numbers: a run ends with what helps. See tests/fuzz.py."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from safetensors.torch import load_file, save_file

from ftcore import paths, tracking
from ftcore.config import mode_defaults
from ftcore.models import checkpoints
from ftcore.runs import execution
from ftcore.training import snapshots
from tests.helpers import small_runs
from tests.helpers.fuzzing import damaged, examples
from tests.helpers.paused_runs import paused

SGD = {"full": 0.1, "last-layer": 1.0, "gradual": 1.0, "scratch": 0.1}  # rates that do


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> None:
    small_runs.small_sample(monkeypatch)


def execute(run_id: str) -> tracking.Run:
    for _ in execution.execute(run_id):
        pass
    return tracking.run(run_id)


@pytest.fixture
def resting() -> tuple[str, Path, bytes]:
    """A paused run, the file of its state, and what stands in it."""
    run_id = paused(small_runs.config())
    file = snapshots.path(checkpoints.run_path(run_id))
    return run_id, file, file.read_bytes()


@given(st.data())
@examples(60)
def test_a_damaged_state_is_refused_or_is_the_same(
    resting: tuple[str, Path, bytes], data: st.DataObject
) -> None:
    run_id, file, whole = resting
    file.write_bytes(whole)
    sound = snapshots.load(checkpoints.run_path(run_id))
    file.write_bytes(data.draw(damaged(whole)))
    try:
        found = snapshots.load(checkpoints.run_path(run_id))
    except snapshots.UnreadableSnapshot:
        return
    assert found is not None and sound is not None and found.values == sound.values
    assert all(found.tensors[name].equal(sound.tensors[name]) for name in sound.tensors)


@given(st.data())
@examples(3)
def test_a_run_whose_state_is_damaged_says_so_and_is_not_offered_again(
    resting: tuple[str, Path, bytes], data: st.DataObject
) -> None:
    run_id, file, whole = resting
    file.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    ended = execute(run_id)
    assert ended.status == "interrupted" and "keep its best model, or run it again" in ended.message
    assert "can be resumed" not in ended.message


def diverged(**values: Any) -> str:
    ended = execute(
        tracking.create_run(
            small_runs.config(
                **{"epochs": 1, "evaluations": 1, "schedule": "constant", "weight_decay": 0.0}
                | values
            )
        )
    )
    assert ended.status == "failed", (values, ended.message)
    assert ended.message.endswith(".") and "\n" not in ended.message
    return ended.message


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("mode", SGD)
def test_a_rate_that_is_too_high_ends_with_advice_that_helps(mode: str, optimizer: str) -> None:
    said = diverged(
        mode=mode, optimizer=optimizer, learning_rate=1e6, max_grad_norm=0.0, weight_decay=0.01
    )
    assert "Try a smaller learning rate than 1e+06" in said and "weight decay" not in said
    assert ("gradient clipping" in said) == (optimizer == "sgd")
    usual = mode_defaults(mode).learning_rate
    assert (f"(Quick takes {usual:g})" in said) == (optimizer == "adamw")
    rate = usual if optimizer == "adamw" else SGD[mode]
    again = small_runs.config(
        mode=mode,
        optimizer=optimizer,
        learning_rate=rate,
        max_grad_norm=0.0,
        schedule="constant",
        epochs=1,
        evaluations=1,
    )
    assert execute(tracking.create_run(again)).status == "finished"


def test_advice_names_what_is_not_as_usual_and_nothing_else() -> None:
    said = diverged(learning_rate=3.0, weight_decay=10.0, optimizer="sgd", max_grad_norm=1.0)
    assert "a smaller weight decay than 10" in said and "clipping" not in said
    again = small_runs.config(learning_rate=3.0, weight_decay=0.0, optimizer="sgd", epochs=1)
    assert execute(tracking.create_run(again)).status == "finished"
    said = diverged(
        learning_rate=1e6, max_grad_norm=0.0, embedding_rate=10.0, train_embeddings=True
    )
    assert "a smaller rate of the word vectors than 10" in said


@pytest.mark.parametrize(
    ("value", "said"), [(float("nan"), "not all finite"), (3e38, "before the first step")]
)
def test_weights_that_are_no_good_are_told_and_not_the_rate(value: float, said: str) -> None:
    file = paths.checkpoints_dir() / "base" / checkpoints.WEIGHTS
    tensors = load_file(file)
    tensors["transformer_encoder.layers.0.linear1.weight"].fill_(value)
    save_file(tensors, file)
    ended = execute(tracking.create_run(small_runs.config()))
    assert ended.status == "failed" and said in ended.message and "rate" not in ended.message
