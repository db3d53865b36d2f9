"""The reference lines, on the built-in sample and on texts where the answer is known."""

import math

import numpy as np
import pytest

from ftcore import paths, tracking
from ftcore.baselines import linear_probe, majority, tfidf
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
from tests.helpers import small_runs

MODULES = {"tfidf": tfidf, "majority": majority, "linear-probe": linear_probe}


@pytest.fixture(autouse=True)
def base():
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")


def config(mode: str, **values: object) -> FineTuneConfig:
    fixed = {"checkpoint": "base", "device": "cpu", "precision": "fp32", "max_length": 16}
    return FineTuneConfig.from_dict({"mode": mode, **fixed} | values)


def measure(mode: str, **values: object) -> list[Event]:
    events: list[Event] = []
    drain(MODULES[mode].measure(config(mode, **values)), events.append)
    return events


def execute(config: FineTuneConfig) -> tuple[str, list[Event]]:
    run_id = tracking.create_run(config)
    return run_id, list(execution.execute(run_id))


def evaluations(events: list[Event]) -> dict[str, Evaluation]:
    return {event.split: event for event in events if isinstance(event, Evaluation)}


def split_fingerprints(events: list[Event]) -> list[object]:
    return [event.facts["split_fingerprint"] for event in events if isinstance(event, Started)]


def test_the_majority_class_is_right_as_often_as_it_occurs(monkeypatch):
    train = datasets.Texts(["a film"] * 40, [0] * 30 + [1] * 10)
    test = datasets.Texts(["x"] * 4, [0, 1, 1, 1])
    about = ("this test", True, "0123456789abcdef")
    dataset = datasets.TextDataset("sample", "Uneven", imdb.LABELS, train, test, *about)

    def load(name: str, source: str = "") -> Task[datasets.TextDataset]:
        yield from ()
        return dataset

    monkeypatch.setattr(datasets, "load", load)
    tested = evaluations(measure("majority"))["test"]
    assert tested.accuracy == 0.25
    rows, _ = datasets.split(dataset, 0)
    share = sum(row < 30 for row in rows) / len(rows)
    assert tested.loss == pytest.approx(-(math.log(share) + 3 * math.log(1 - share)) / 4)


def test_tfidf_learns_the_sample_from_the_split_of_a_training():
    events = measure("tfidf", limit=400, seed=2)
    results = evaluations(events)
    assert results["test"].accuracy > evaluations(measure("majority"))["test"].accuracy + 0.05
    assert results["val"].loss < math.log(2)
    dataset = drain(datasets.load("sample"))
    split = datasets.split(dataset, 2, 400)
    assert split_fingerprints(events) == [datasets.split_fingerprint(dataset, *split)]
    assert results["val"].examples == 400
    again = evaluations(measure("tfidf", limit=400, seed=2))
    assert again["test"].loss == results["test"].loss


@pytest.mark.parametrize("limit", [1, 2])
def test_tfidf_of_too_few_texts_is_one_sentence(limit):
    with pytest.raises(UnfreezeError, match="take more training texts"):
        measure("tfidf", limit=limit)


def test_a_linear_probe_of_one_text_always_answers_its_class():
    assert isinstance(measure("linear-probe", limit=1)[-1], Finished)


@pytest.mark.parametrize("checkpoint", ["new", ""])
def test_a_linear_probe_needs_a_pretrained_body(checkpoint):
    with pytest.raises(UnfreezeError, match="pretrained body"):
        config("linear-probe", checkpoint=checkpoint)


def test_a_linear_probe_shares_split_and_features_with_the_last_layer():
    _, trained = execute(config("last-layer", limit=400, epochs=1))
    _, probed = execute(config("linear-probe", limit=400))
    assert split_fingerprints(trained) == split_fingerprints(probed)
    assert isinstance(probed[-1], Finished)
    assert probed[-1].metrics["features_kept"] == 1


@pytest.mark.parametrize("mode", MODULES)
def test_a_reference_leaves_a_record_and_answers_but_no_checkpoint(mode):
    checkpoint = "base" if mode == "linear-probe" else "missing"
    settings = config(mode, checkpoint=checkpoint, limit=400, watch="good.")
    check_config(settings)
    run_id, events = execute(settings)
    last, run = events[-1], tracking.run(run_id)
    assert isinstance(last, Finished) and last.status == "finished"
    assert run.metrics["test_accuracy"] == evaluations(events)["test"].accuracy >= 0.5
    assert sorted(history(run_id)["split"]) == ["test", "val"]
    assert run_id not in [checkpoint.ref for checkpoint in checkpoints.list_checkpoints()]
    answers = Diagnostics.of_run(run_id)
    assert answers is not None and len(answers.map_rows) == 0
    accuracy = (answers.probabilities.argmax(1) == answers.truth).mean()
    assert accuracy == run.metrics["test_accuracy"]
    assert answers.probabilities.sum(1) == pytest.approx(1)
    assert len(dataset_texts.load(run.facts["dataset_fingerprint"])) == len(answers.truth)


def test_tfidf_reads_typographic_texts_like_plain_ones():
    """The networks beside it do so, too; a word of one letter or a mark would else be another feature."""
    plain = ["don't like it - at all", "so good/great", "naïve fun", "it's fine"] * 3
    typographic = [
        "don\u2019t like it \u2014 at all",
        "so \u201cgood\u201d\u2044great",
        "nai\u0308ve fun",
    ]
    typographic = [*typographic, "it\u200b\u2019s \ufeff\uff46ine"] * 3
    labels = [0, 1, 1, 0] * 3

    def scores(texts):
        part = datasets.Texts(texts, labels)
        dataset = datasets.TextDataset("x", "X", imdb.LABELS, part, part, "", True, "0")
        return tfidf.fit(dataset, range(len(texts)))([*plain, *typographic])

    of_plain = scores(plain)
    np.testing.assert_allclose(of_plain[:12], of_plain[12:])
    np.testing.assert_allclose(of_plain, scores(typographic))
