"""The reference for the last layer: nothing linear on the same vectors may do better."""

from pathlib import Path

import numpy as np
import pytest

from ftcore import tracking
from ftcore.baselines import linear_probe, reference
from ftcore.config import FineTuneConfig
from ftcore.diagnostics.results import Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.events import Evaluation, Event, Finished, Started, drain
from ftcore.models import checkpoints
from ftcore.runs import execution
from ftcore.runs.checks import check_config
from ftcore.training import evaluation, preparation
from tests.helpers import small_runs


def settings(**values: object) -> FineTuneConfig:
    return FineTuneConfig.from_dict(
        {
            "checkpoint": "base",
            "mode": "linear-probe",
            "limit": 400,
            "device": "cpu",
            "precision": "fp32",
            "max_length": 16,
        }
        | values
    )


@pytest.fixture
def base() -> checkpoints.Checkpoint:
    from ftcore import paths as places

    return small_runs.checkpoint(places.checkpoints_dir() / "base", "base")


def test_the_smallest_penalty_ends_at_the_minimum_of_the_training_loss(
    base: checkpoints.Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear_probe, "PENALTIES", (1e-2, 1e-9))
    run = drain(preparation.prepare(settings(mode="last-layer"), Path(), ""))
    classifier = drain(evaluation.classifier_of_mode(run, run.model, run.train, run.train_rows))
    features = linear_probe._features(classifier, run.train_rows)
    labels = run.train.labels[run.train_rows].numpy()
    probe = drain(linear_probe.fit(features, labels, features, labels, 2))
    errors = probe(features) - np.eye(2)[labels]
    assert np.abs(errors.T @ features / len(labels)).max() < 1e-4  # the slope of the loss
    assert np.log(2) > reference.evaluation("val", probe(features), labels, 0.0, 0).loss


def test_it_goes_through_the_queue_and_leaves_its_answers_but_no_checkpoint(
    base: checkpoints.Checkpoint,
) -> None:
    config = settings(watch="good.")
    check_config(config)
    run_id = tracking.create_run(config)
    events = list(execution.execute(run_id))
    last = events[-1]
    assert isinstance(last, Finished) and last.status == "finished"
    assert last.metrics["test_accuracy"] > 0.5
    assert last.metrics["features_seconds"] > 0
    assert [event.split for event in events if isinstance(event, Evaluation)] == ["val", "test"]
    assert all(one.ref != run_id for one in checkpoints.list_checkpoints())
    kept = Diagnostics.of_run(run_id)
    assert kept is not None
    assert (kept.probabilities.argmax(1) == kept.truth).mean() == last.metrics["test_accuracy"]
    assert kept.probabilities.sum(1) == pytest.approx(1)


def test_it_shares_split_and_vectors_with_the_last_layer(base: checkpoints.Checkpoint) -> None:
    def ran(mode: str) -> list[Event]:
        run_id = tracking.create_run(settings(mode=mode, epochs=1))
        return list(execution.execute(run_id))

    trained, best = ran("last-layer"), ran("linear-probe")
    splits = {
        event.facts["split_fingerprint"]
        for event in (*trained, *best)
        if isinstance(event, Started)
    }
    assert len(splits) == 1
    assert isinstance(best[-1], Finished)
    assert best[-1].metrics["features_kept"] == 1


@pytest.mark.parametrize("checkpoint", ["new", ""])
def test_without_a_body_it_is_one_sentence(checkpoint: str) -> None:
    with pytest.raises(UnfreezeError, match="pretrained body"):
        settings(checkpoint=checkpoint)


def test_one_training_text_has_a_best_head_too(base: checkpoints.Checkpoint) -> None:
    events: list[Event] = []
    drain(linear_probe.measure(settings(limit=1)), events.append)
    assert isinstance(events[-1], Finished)
