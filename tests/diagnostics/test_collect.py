"""Diagnostics of finished runs, with models of a few hundred weights."""

from unittest.mock import Mock

import numpy as np
import pytest
import torch

from ftcore import paths
from ftcore.data import ag_news, datasets, imdb
from ftcore.diagnostics import collect
from ftcore.diagnostics.results import ARRAYS, Diagnostics
from ftcore.events import Event, Finished, Progress, Stop, drain
from ftcore.inference.prediction import predict
from ftcore.models import checkpoint_files, checkpoints
from ftcore.runs import train
from ftcore.storage import downloads
from ftcore.text import word_rules
from ftcore.text.words import WordTokenizer
from ftcore.training import cached_features
from tests.helpers import small_runs

NEWS = ["good", "bad", "the the", "is not", "film, film", "not bad.", ", .", "the bad film is good"]
NEWS_LABELS = [0, 1, 2, 3] * 2


@pytest.fixture(autouse=True)
def small_datasets(monkeypatch):
    """The checkpoint `base`, trained on AG News; the sample and AG News replaced by a few texts."""
    sample = small_runs.small_sample(monkeypatch)
    train, test = datasets.Texts(NEWS * 50, NEWS_LABELS * 50), datasets.Texts(NEWS, NEWS_LABELS)
    fingerprint = "fedcba9876543210"
    news = datasets.TextDataset(
        "ag_news", "AG News", ag_news.LABELS, train, test, "this test", False, fingerprint
    )

    def load(name: str, source: str = "") -> datasets.Task[datasets.TextDataset]:
        yield Progress("reading", 1, 1, "texts")
        return {"sample": sample, "ag_news": news}[name]

    def fetch(*arguments: object, **options: object) -> None:
        raise AssertionError("diagnostics must not download data")

    monkeypatch.setattr(datasets, "load", load)
    monkeypatch.setattr(downloads, "fetch", fetch)


@pytest.fixture
def news_folder(tmp_path):
    """A folder that exists; `load` above ignores what is in it."""
    return str(tmp_path)


def run(ref: str = "run", **values: object) -> list[Event]:
    config = small_runs.config(**{"epochs": 2, "precision": "fp32"} | values)
    events: list[Event] = []
    drain(train.train(config, checkpoints.run_path(ref), ref), events.append)
    return events


def diagnostics_of(ref: str = "run", **values: object) -> Diagnostics:
    run(ref, **values)
    diagnostics = Diagnostics.of_run(ref)
    assert diagnostics is not None
    return diagnostics


def accuracy_on_news(ref: str) -> float:
    predictions = [ag_news.LABELS.index(prediction.label) for prediction in predict(ref, NEWS)]
    return float(np.mean(np.array(predictions) == NEWS_LABELS))


def test_answers_are_those_of_the_best_weights():
    diagnostics = diagnostics_of()
    assert diagnostics.truth.tolist() == [1, 0, 1, 0]
    accuracy = (diagnostics.probabilities.argmax(1) == diagnostics.truth).mean()
    assert accuracy == checkpoints.find("run").metrics["test_accuracy"]
    answers = [list(answer.probabilities.values()) for answer in predict("run", small_runs.TEXTS)]
    assert diagnostics.probabilities == pytest.approx(np.array(answers), abs=1e-5)


@pytest.mark.parametrize(
    ("mode", "frozen"),
    [
        ("full", {"word vectors"}),
        ("last-layer", {"word vectors", "layer 1", "layer 2"}),
        ("last-2", {"word vectors", "layer 1"}),
        ("scratch", {"word vectors"}),
    ],
)
def test_only_frozen_groups_did_not_move(mode, frozen):
    moved = diagnostics_of(mode=mode).moved
    assert list(moved) == ["head", "layer 2", "layer 1", "word vectors"]
    assert {name for name, distance in moved.items() if distance == 0} == frozen


def test_distance_is_relative_to_the_starting_weights():
    moved = diagnostics_of(train_embeddings=True).moved
    old, new = (
        checkpoint_files.load_model(checkpoints.find(ref)).embedding.weight.detach()
        for ref in ("base", "run")
    )
    assert moved["word vectors"] == pytest.approx(float((new - old).norm() / old.norm()))
    assert moved["word vectors"] > 0


def test_the_map_before_shows_the_checkpoint_and_is_shared_by_all_modes():
    full, head, scratch = (
        diagnostics_of(mode, mode=mode) for mode in ("full", "last-layer", "scratch")
    )
    assert full.map_rows.tolist() == head.map_rows.tolist() == [0, 1, 2, 3]
    assert np.array_equal(full.map_before, head.map_before)
    assert np.array_equal(head.map_before, head.map_after)
    assert not np.allclose(full.map_before, full.map_after)
    assert not np.allclose(full.map_before, scratch.map_before)


def test_features_of_the_starting_body_are_computed_once(monkeypatch):
    compute = Mock(wraps=cached_features.compute)
    monkeypatch.setattr(cached_features, "compute", compute)
    run("first")
    assert compute.call_count == 2
    run("again")
    assert compute.call_count == 3


def test_principal_components_are_ordered_and_keep_distances_in_a_plane():
    plane = np.random.default_rng(0).normal(size=(50, 2)) * [5, 1] + 3
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(7, 7)))[0][:2]
    projected = collect.principal_components(plane @ rotation)
    assert projected.std(0)[0] > projected.std(0)[1]
    distance = np.linalg.norm(projected[3] - projected[9])
    assert distance == pytest.approx(np.linalg.norm(plane[3] - plane[9]), rel=1e-5)


def test_sampled_rows_are_distinct_ascending_and_the_same_every_time():
    rows = collect.sample_rows(25_000, 2_000)
    assert len(rows) == 2_000 and (rows.diff() > 0).all()
    assert torch.equal(rows, collect.sample_rows(25_000, 2_000))


def test_forgetting_is_measured_through_the_old_head(news_folder):
    forgot = diagnostics_of(source_task_data=news_folder, epochs=6).forgot
    assert forgot is not None
    assert (forgot["task"], forgot["texts"]) == ("AG News", 8)
    assert forgot["before"] == accuracy_on_news("base")
    base = checkpoints.find("base")
    model = checkpoint_files.load_model(checkpoints.find("run"))
    model.replace_head(4)
    model.classifier = checkpoint_files.load_model(base).classifier
    checkpoint_files.save(
        model,
        paths.checkpoints_dir() / "old head",
        ref="old head",
        title="Trained body, old head",
        labels=ag_news.LABELS,
        truncation=base.truncation,
        tokenizer=WordTokenizer(word_rules.CURRENT, small_runs.WORDS),
        dataset="ag_news",
    )
    assert forgot["after"] == accuracy_on_news("old head")


def test_forgetting_is_measured_from_the_weights_that_the_run_began_with(news_folder):
    settings = {"source_task_data": news_folder, "train_embeddings": True, "epochs": 6}
    expected = diagnostics_of("undisturbed", **settings).forgot
    config = small_runs.config(precision="fp32", **settings)
    for event in train.train(config, checkpoints.run_path("run"), "run"):
        if isinstance(event, Progress) and event.phase == "testing":
            small_runs.checkpoint(paths.checkpoints_dir() / "base", "base", seed=5)
    assert Diagnostics.of_run("run").forgot == expected


def test_a_frozen_body_forgets_nothing(news_folder):
    """The source task's data is found through the checkpoint's record."""
    origin = {"config": {"source": news_folder}}
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base", origin=origin)
    forgot = diagnostics_of(mode="last-layer").forgot
    assert forgot is not None
    assert forgot["after"] == forgot["before"]


@pytest.mark.parametrize(
    "values",
    [
        {"mode": "scratch"},
        {"checkpoint": "same task"},
        {"checkpoint": "unknown task"},
        {"checkpoint": "other labels"},
        {"source_task_data": ""},
    ],
)
def test_forgetting_is_none_without_another_task_or_its_data(values, news_folder):
    folder = paths.checkpoints_dir()
    small_runs.checkpoint(folder / "same task", "same task", imdb.LABELS, "sample")
    small_runs.checkpoint(folder / "unknown task", "unknown task", dataset="poems")
    small_runs.checkpoint(folder / "other labels", "other labels", ("a", "b", "c"))
    assert diagnostics_of(**{"source_task_data": news_folder} | values).forgot is None


def test_failed_diagnostics_do_not_undo_the_run():
    (checkpoints.run_path("run").parent / ARRAYS / "not a file").mkdir(parents=True)
    last = run()[-1]
    assert isinstance(last, Finished)
    assert last.status == "finished"
    assert "The diagnostics are missing" in last.message
    assert "test_accuracy" in last.metrics
    assert Diagnostics.of_run("run") is None


def test_stop_during_diagnostics_leaves_a_finished_run(news_folder, caplog):
    config = small_runs.config(epochs=1, source_task_data=news_folder)
    task = train.train(config, checkpoints.run_path("run"), "run")
    for event in task:
        if isinstance(event, Progress) and event.phase == "diagnostics":
            break
    [last] = [task.throw(Stop), *task]
    assert isinstance(last, Finished)
    assert last.status == "finished"
    assert "Stopped before the diagnostics were complete" in last.message
    assert not caplog.records, "Stop is not an error"
