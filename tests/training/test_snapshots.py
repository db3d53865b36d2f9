"""A run that is paused anywhere and resumed ends as one that never was."""

import json
import random
import threading
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ftcore import paths, tracking
from ftcore.data import datasets
from ftcore.diagnostics.results import Diagnostics
from ftcore.events import Progress, Resumable
from ftcore.inference import prediction
from ftcore.models import checkpoint_files, checkpoints
from ftcore.runs import execution, train
from ftcore.runs.scheduler import scheduler
from ftcore.text.word_rules import CURRENT, EARLIER
from ftcore.tracking import store
from ftcore.training import objective, snapshots
from tests.helpers import small_runs
from tests.helpers.paused_runs import assert_same_outcome, execute, finished, paused, weights

pytestmark = pytest.mark.slow

PAUSES = 5
MODES = {
    "full": {"train_embeddings": True, "dropout": 0.1},
    "last-layer": {},
    "gradual": {"epochs": 4, "train_embeddings": True},
    "lp-ft": {"dropout": 0.1},
    "scratch": {"optimizer": "sgd", "learning_rate": 0.5},
}


@pytest.fixture(autouse=True)
def sample(monkeypatch):
    return small_runs.small_sample(monkeypatch)


@pytest.mark.parametrize("mode", MODES)
def test_a_run_paused_at_random_points_ends_the_same_bit_for_bit(mode):
    config = small_runs.config(mode=mode, watch="good film.", **MODES[mode])
    generator = random.Random(mode)
    run_id = tracking.create_run(config)
    for _ in range(PAUSES):
        assert execute(run_id, pause_after=generator.randrange(3, 15)) == "paused"
    assert execute(run_id) == "finished"
    assert_same_outcome(finished(config), run_id)


def test_a_run_paused_during_its_diagnostics_ends_the_same():
    run_id, request = tracking.create_run(small_runs.config()), execution.EndRequest()
    for event in execution.execute(run_id, request):
        if isinstance(event, Progress) and event.phase == "diagnostics":
            request.action = "pause"
    assert tracking.run(run_id).status == "paused"
    assert execute(run_id) == "finished"
    assert_same_outcome(finished(small_runs.config()), run_id)
    assert Diagnostics.of_run(run_id) is not None


def test_predictions_in_another_thread_do_not_change_a_run():
    """All threads share torch's random numbers; a run must be the only one to draw any."""
    config = small_runs.config(dropout=0.1, word_dropout=0.3)
    undisturbed = finished(config)
    is_over, answers = threading.Event(), []

    def predict() -> None:
        while not is_over.is_set():
            prediction._models.clear()
            answers.append(prediction.predict("base", small_runs.TEXTS))

    thread = threading.Thread(target=predict)
    thread.start()
    disturbed = finished(config)
    is_over.set()
    thread.join()
    assert answers
    assert_same_outcome(undisturbed, disturbed)


def test_a_batch_that_does_not_fit_into_memory_is_split_and_trains_the_same(monkeypatch):
    config = small_runs.config(
        word_dropout=0.0, epochs=1, precision="fp32", optimizer="sgd", learning_rate=0.1
    )
    plain = finished(config)
    of_batch = objective.of_batch

    def limited_to_five(scores: torch.Tensor, *more: torch.Tensor | None) -> torch.Tensor:
        if len(scores) > 5:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return of_batch(scores, *more)

    monkeypatch.setattr(objective, "of_batch", limited_to_five)
    run_id = finished(config)
    assert any("4 parts" in note for note in tracking.run(run_id).notes)
    for name, weight in weights(plain).items():
        torch.testing.assert_close(weight, weights(run_id)[name], atol=1e-5, rtol=1e-4)


def test_curves_are_on_record_before_the_snapshot_that_follows_them():
    config = small_runs.config()
    run_id = tracking.create_run(config)
    count = 0
    for event in execution.execute(run_id):
        if isinstance(event, Resumable):
            assert event.step == tracking.history(run_id)["step"].max()
            count += 1
    assert count == config.epochs * config.evaluations


def test_a_run_resumes_only_with_the_data_it_began_with(sample, monkeypatch):
    run_id = paused(small_runs.config())

    def load(name: str, source: str = "") -> datasets.Task[datasets.TextDataset]:
        yield Progress("reading", 1, 1)
        return replace(sample, fingerprint="another")

    with monkeypatch.context() as changed:
        changed.setattr(datasets, "load", load)
        assert execute(run_id) == "interrupted"
    assert "not what this run began with" in tracking.run(run_id).message
    assert execute(run_id) == "finished"
    assert_same_outcome(finished(small_runs.config()), run_id)


def test_a_snapshot_of_the_first_version_resumes():
    """It does not name its tokenizer, which was the first one."""
    first = small_runs.checkpoint(paths.checkpoints_dir() / "first", "first", rule=EARLIER)
    config = small_runs.config(checkpoint="first")
    run_id = paused(config)
    file = snapshots.path(checkpoints.run_path(run_id))
    with safe_open(file, "pt") as stored:
        values = json.loads(stored.metadata()["state"])
    split = values.pop("dependencies")["split_fingerprint"]
    del values["settings"], values["environments"], values["tokenizer"]
    values |= {"format": 1, "phase": "training", "split": split}
    header = {"state": json.dumps(values)}  # without a checksum
    save_file(load_file(file), file, header)
    small_runs.checkpoint(first.path, "first", rule=CURRENT)
    assert execute(run_id) == "interrupted"
    assert "The tokenizer is not what this run began with" in tracking.run(run_id).message
    small_runs.checkpoint(first.path, "first", rule=EARLIER)
    assert execute(run_id) == "finished"
    assert_same_outcome(finished(config), run_id)


def test_a_self_trained_run_of_an_earlier_version_is_shown_but_not_resumed():
    run_id = paused(small_runs.config())
    client, _ = store.connect()
    settings = {**tracking.run(run_id).config.to_dict(), "self_training": True, "unlabelled": ""}
    client.set_tag(run_id, store.tag("config"), json.dumps(settings))
    assert tracking.run(run_id).status == "paused"
    assert execute(run_id) == "interrupted"
    message = tracking.run(run_id).message
    assert "used self-training" in message and "can be resumed" not in message


@pytest.mark.parametrize("damage", ["cut", "empty", "newer"])
def test_an_unreadable_snapshot_is_reported_and_the_best_model_stays(damage):
    run_id = paused(small_runs.config())
    file = snapshots.path(checkpoints.run_path(run_id))
    if damage == "newer":
        save_file(load_file(file), file, {"state": '{"format": 99}'})
    else:
        file.write_bytes(file.read_bytes()[: 100 if damage == "cut" else 0])
    assert execute(run_id) == "interrupted"
    message = tracking.run(run_id).message
    advice = "update" if damage == "newer" else "keep its best model, or run it again"
    assert advice in message and ("can be resumed" in message) == (damage == "newer")
    scheduler.stop(run_id)
    assert tracking.run(run_id).status == "stopped"
    assert checkpoint_files.load_model(checkpoints.find(run_id))
    assert not file.exists()


def test_a_run_that_does_not_resume_ignores_a_snapshot():
    run_id = paused(small_runs.config())
    task = train.train(small_runs.config(), checkpoints.run_path(run_id), run_id)
    training = (
        event for event in task if isinstance(event, Progress) and event.phase == "training"
    )
    assert next(training).done == 1
