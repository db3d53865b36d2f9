"""The reference lines, on the built-in sample and on texts where the answer is known."""

import math

import pytest

from ftcore import tracking
from ftcore.baselines import majority, tfidf
from ftcore.config import FineTuneConfig
from ftcore.data import datasets, imdb
from ftcore.diagnostics import dataset_texts
from ftcore.diagnostics.results import Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.events import Evaluation, Event, Finished, Started, Task, drain
from ftcore.models import checkpoints
from ftcore.runs import execution
from ftcore.runs.checks import check_config
from ftcore.tracking import history


def measured(**values: object) -> list[Event]:
    events: list[Event] = []
    config = FineTuneConfig.from_dict(values)
    baseline = tfidf if config.mode == "tfidf" else majority
    drain(baseline.measure(config), events.append)
    return events


def evaluations(events: list[Event]) -> dict[str, Evaluation]:
    return {event.split: event for event in events if isinstance(event, Evaluation)}


def uneven(name: str, source: str = "") -> Task[datasets.TextDataset]:
    """30 of 40 training texts are negative, 1 of 4 test texts is."""
    made = datasets.Texts(["a film"] * 40, [0] * 30 + [1] * 10)
    yield from ()
    return datasets.TextDataset(
        "sample",
        "Made up",
        imdb.LABELS,
        made,
        datasets.Texts(["x"] * 4, [0, 1, 1, 1]),
        "this test",
        True,
        "0123456789abcdef",
    )


def test_the_majority_class_is_right_as_often_as_it_occurs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "load", uneven)
    found = evaluations(measured(mode="majority"))
    assert found["test"].accuracy == 0.25
    train, _ = datasets.split(40, 0)
    share = sum(row < 30 for row in train) / len(train)
    expected = -(math.log(share) + 3 * math.log(1 - share)) / 4
    assert found["test"].loss == pytest.approx(expected)


def test_tfidf_learns_the_sample_and_sees_the_split_that_a_training_sees() -> None:
    events = measured(mode="tfidf", limit=400, seed=2)
    found = evaluations(events)
    assert found["test"].accuracy > evaluations(measured(mode="majority"))["test"].accuracy + 0.05
    assert found["val"].loss < math.log(2)
    facts = next(event for event in events if isinstance(event, Started)).facts
    dataset = drain(datasets.load("sample"))
    split = datasets.split(len(dataset.train.texts), 2, 400)
    assert facts["split_fingerprint"] == datasets.split_fingerprint(dataset, *split)
    assert (facts["train_texts"], found["val"].examples) == (400, 400)


def test_the_same_settings_give_the_same_figures() -> None:
    first, again = (evaluations(measured(mode="tfidf", limit=200)) for _ in range(2))
    assert [one.loss for one in first.values()] == [one.loss for one in again.values()]


@pytest.mark.parametrize("limit", [1, 2])
def test_too_few_texts_are_one_sentence(limit: int) -> None:
    with pytest.raises(UnfreezeError, match="take more training texts"):
        measured(mode="tfidf", limit=limit)


@pytest.mark.parametrize("mode", ["tfidf", "majority"])
def test_a_reference_goes_through_the_queue_and_leaves_a_record_but_no_checkpoint(
    mode: str,
) -> None:
    config = FineTuneConfig.from_dict({"checkpoint": "gone", "mode": mode, "limit": 200})
    check_config(config)
    run_id = tracking.create_run(config)
    events = list(execution.execute(run_id))
    last = events[-1]
    assert isinstance(last, Finished) and last.status == "finished"
    recorded = tracking.run(run_id)
    assert recorded.metrics["test_accuracy"] == evaluations(events)["test"].accuracy
    assert sorted(history(run_id)["split"]) == ["test", "val"]
    assert all(one.ref != run_id for one in checkpoints.list_checkpoints())
    kept = Diagnostics.of_run(run_id)
    assert kept is not None
    right = (kept.probabilities.argmax(1) == kept.truth).mean()
    assert right == recorded.metrics["test_accuracy"]
    assert len(dataset_texts.load(recorded.facts["dataset_fingerprint"])) == len(kept.truth)
