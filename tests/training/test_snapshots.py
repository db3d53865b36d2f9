"""A run that is paused anywhere ends as one that never was."""

import json
import random
import threading
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.diagnostics.results import Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.events import Pause, Progress, Resumable
from ftcore.inference import prediction
from ftcore.models import checkpoint_files, checkpoints
from ftcore.runs import execution, train
from ftcore.runs.scheduler import scheduler
from ftcore.tracking import store
from ftcore.training import loop, snapshots
from tests.helpers import small_runs

PAUSES = 10
MODES = {
    "full": {"train_embeddings": True, "dropout": 0.1},
    "last-layer": {},
    "gradual": {"epochs": 4, "train_embeddings": True},
    "scratch": {"optimizer": "sgd", "learning_rate": 0.5},
}


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> datasets.TextDataset:
    return small_runs.small_sample(monkeypatch)


def whole(config: FineTuneConfig) -> str:
    """The id of a run that nobody paused."""
    run_id = tracking.create_run(config)
    go_on(run_id)
    return run_id


def go_on(run_id: str, events: int | None = None) -> str:
    """Work on a run, pause it behind so many events where a number is given, and return its status."""
    request = execution.EndRequest()
    for number, _ in enumerate(execution.execute(run_id, request)):
        if number == events:
            request.action = "pause"
    return tracking.run(run_id).status


def in_pieces(config: FineTuneConfig, at: list[int]) -> tuple[str, int]:
    """The id of a run that is paused each time so many events later, and how often it was."""
    run_id = tracking.create_run(config)
    for pauses, events in enumerate(at):
        if (status := go_on(run_id, events)) == "finished":
            return run_id, pauses
        assert status == "paused"
    assert go_on(run_id) == "finished"
    return run_id, len(at)


def curves(run_id: str) -> pd.DataFrame:
    return tracking.history(run_id).drop(columns="seconds")


def weights(run_id: str) -> dict[str, torch.Tensor]:
    return checkpoint_files.load_model(checkpoints.find(run_id)).state_dict()


def same(one: str, other: str) -> None:
    pd.testing.assert_frame_equal(curves(one), curves(other), check_exact=True)
    first, second = weights(one), weights(other)
    assert all(torch.equal(first[name], second[name]) for name in first)
    for figure in ("val_accuracy", "test_accuracy", "best_step"):
        assert tracking.run(one).metrics[figure] == tracking.run(other).metrics[figure]
    assert not snapshots.path(checkpoints.run_path(other)).exists()


@pytest.mark.parametrize("mode", MODES)
def test_a_run_paused_at_ten_random_points_ends_with_the_very_same(mode: str) -> None:
    config = small_runs.config(mode=mode, watch="good film.", **MODES[mode])
    draw = random.Random(mode)
    run_id, pauses = in_pieces(config, [draw.randrange(3, 25) for _ in range(PAUSES)])
    assert pauses >= 6
    same(whole(config), run_id)


def test_so_does_one_that_is_paused_while_its_inside_is_looked_at() -> None:
    run_id, request = tracking.create_run(small_runs.config()), execution.EndRequest()
    for event in execution.execute(run_id, request):
        if isinstance(event, Progress) and event.phase == "diagnostics":
            request.action = "pause"
    assert tracking.run(run_id).status == "paused"
    assert go_on(run_id) == "finished"
    same(whole(small_runs.config()), run_id)
    assert Diagnostics.of_run(run_id) is not None


def test_so_does_one_while_others_load_models_and_ask_them() -> None:
    """All threads share torch's random numbers; those of a run must be its own."""
    config, over, answers = small_runs.config(dropout=0.1, word_dropout=0.3), threading.Event(), []
    plain = whole(config)

    def ask() -> None:
        while not over.is_set():
            prediction._models.clear()
            answers.append(prediction.predict("base", small_runs.TEXTS))

    asking = threading.Thread(target=ask)
    asking.start()
    disturbed = whole(config)
    over.set()
    asking.join()
    assert len(answers) > 10
    same(plain, disturbed)


def test_memory_that_does_not_suffice_halves_the_batch_and_not_what_it_teaches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same loop where no more than 5 texts of 16 fit."""
    config = small_runs.config(
        word_dropout=0.0, epochs=1, precision="fp32", optimizer="sgd", learning_rate=0.1
    )
    plain = whole(config)
    compute = loop.F.cross_entropy

    def cramped(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if logits.requires_grad and len(logits) > 5:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return compute(logits, targets)

    monkeypatch.setattr(loop.F, "cross_entropy", cramped)
    run_id = whole(config)
    found = tracking.run(run_id)
    assert found.status == "finished"
    assert [note for note in found.notes if "4 parts" in note]
    for name, weight in weights(plain).items():
        torch.testing.assert_close(weight, weights(run_id)[name], atol=1e-5, rtol=1e-4)


def test_what_was_said_is_on_record_before_the_state_that_goes_on_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = small_runs.config()
    run_id = tracking.create_run(config)
    seen = 0
    for event in execution.execute(run_id):
        if isinstance(event, Resumable):
            known = tracking.history(run_id)
            assert event.step == 0 or known["step"].max() == event.step
            seen += 1
    assert seen == 3 * config.evaluations


def paused(config: FineTuneConfig) -> str:
    run_id = tracking.create_run(config)
    assert go_on(run_id, 20) == "paused"
    return run_id


def test_the_data_must_be_what_it_was(
    world: datasets.TextDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = paused(small_runs.config())

    def load(name: str, source: str = "") -> datasets.Task[datasets.TextDataset]:
        yield Progress("reading", 1, 1)
        return replace(world, fingerprint="another")

    with monkeypatch.context() as changed:
        changed.setattr(datasets, "load", load)
        assert go_on(run_id) == "interrupted"
    assert "not what this run began with" in tracking.run(run_id).message
    assert go_on(run_id) == "finished"
    same(whole(small_runs.config()), run_id)


def test_a_self_trained_run_of_an_earlier_version_is_shown_but_not_resumed() -> None:
    run_id = paused(small_runs.config())
    client, _ = store.connect()
    settings = {**tracking.run(run_id).config.to_dict(), "self_training": True, "unlabelled": ""}
    client.set_tag(run_id, store.tag("config"), json.dumps(settings))
    assert tracking.run(run_id).status == "paused"
    assert go_on(run_id) == "interrupted"
    assert "learned from unlabelled texts" in tracking.run(run_id).message
    assert "can be resumed" not in tracking.run(run_id).message


@pytest.mark.parametrize("kept", [{"targets": torch.zeros(2)}, {}])
def test_a_snapshot_of_self_training_is_refused(tmp_path: Path, kept: dict) -> None:
    phase = "training" if kept else "teaching"
    state = {"state": json.dumps({"format": snapshots.FORMAT, "phase": phase})}
    save_file({"sums": torch.zeros(3)} | kept, snapshots.path(tmp_path / "checkpoint"), state)
    with pytest.raises(snapshots.UnreadableSnapshot, match="learned from unlabelled texts"):
        snapshots.load(tmp_path / "checkpoint")


@pytest.mark.parametrize("damage", ["cut", "nothing", "newer"])
def test_a_state_that_cannot_be_read_is_said_and_the_best_model_stays(damage: str) -> None:
    run_id = paused(small_runs.config())
    file = snapshots.path(checkpoints.run_path(run_id))
    if damage == "newer":
        save_file(load_file(file), file, {"state": '{"format": 99}'})
    else:
        file.write_bytes(file.read_bytes()[: 100 if damage == "cut" else 0])
    assert go_on(run_id) == "interrupted"
    advice = "update" if damage == "newer" else "keep its best model"
    assert advice in tracking.run(run_id).message
    scheduler.stop(run_id)
    assert tracking.run(run_id).status == "stopped"
    assert checkpoint_files.load_model(checkpoints.find(run_id))
    assert not file.exists()


def test_a_fresh_start_takes_no_notice_of_a_state(home: object) -> None:
    output = paths.runs_dir() / "one" / "artifacts" / "checkpoint"
    for _ in range(2):
        task = train.train(small_runs.config(), output, "one")
        events = [next(task) for _ in range(30)]
        steps = [
            event for event in events if isinstance(event, Progress) and event.phase == "training"
        ]
        assert steps[0].done == 1
        with pytest.raises(StopIteration):
            task.throw(Pause)
            next(task)
    with pytest.raises(UnfreezeError, match="no run 'one'"):
        tracking.run("one")
