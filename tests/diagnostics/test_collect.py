"""Diagnostics of finished runs, with models of some hundred weights."""

from pathlib import Path

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
from ftcore.training import cached_features
from tests.helpers import small_runs

NEWS = ["good", "bad", "the the", "is not", "film, film", "not bad.", ", .", "the bad film is good"]
NEWS_LABELS = [0, 1, 2, 3] * 2


@pytest.fixture(autouse=True)
def small_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint `base`, trained on AG News; the sample and AG News replaced by a few texts."""
    sample = small_runs.small_sample(monkeypatch)
    news = datasets.TextDataset(
        "ag_news",
        "AG News",
        ag_news.LABELS,
        datasets.Texts(NEWS * 50, NEWS_LABELS * 50),
        datasets.Texts(NEWS, NEWS_LABELS),
        "this test",
        False,
        "fedcba9876543210",
    )

    def load(name: str, source: str = "") -> datasets.Task[datasets.TextDataset]:
        yield Progress("reading", 1, 1, "texts")
        return {"sample": sample, "ag_news": news}[name]

    def fetch(*arguments: object, **options: object) -> None:
        raise AssertionError("diagnostics must not download data")

    monkeypatch.setattr(datasets, "load", load)
    monkeypatch.setattr(downloads, "fetch", fetch)


@pytest.fixture
def news_folder(tmp_path: Path) -> str:
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
    answers = [ag_news.LABELS.index(answer.label) for answer in predict(ref, NEWS)]
    return float(np.mean(np.array(answers) == NEWS_LABELS))


def test_answers_are_those_of_the_best_weights() -> None:
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
def test_only_frozen_groups_did_not_move(mode: str, frozen: set[str]) -> None:
    moved = diagnostics_of(mode=mode).moved
    assert list(moved) == ["head", "layer 2", "layer 1", "word vectors"]
    assert {name for name, distance in moved.items() if distance == 0} == frozen


def test_distance_is_relative_to_the_starting_weights() -> None:
    moved = diagnostics_of(train_embeddings=True).moved
    old, new = (
        torch.cat(
            [
                weight.detach().flatten()
                for name, weight in checkpoint_files.load_model(
                    checkpoints.find(ref)
                ).named_parameters()
                if "layers.0." in name
            ]
        )
        for ref in ("base", "run")
    )
    assert moved["layer 1"] == pytest.approx(float((new - old).norm() / old.norm()))
    assert moved["word vectors"] > 0


def test_the_map_before_shows_the_checkpoint_and_is_shared_by_all_modes() -> None:
    full, head, scratch = (
        diagnostics_of(mode, mode=mode) for mode in ("full", "last-layer", "scratch")
    )
    assert full.map_rows.tolist() == head.map_rows.tolist() == [0, 1, 2, 3]
    assert np.array_equal(full.map_before, head.map_before)
    assert np.array_equal(head.map_before, head.map_after)
    assert not np.allclose(full.map_before, full.map_after)
    assert not np.allclose(full.map_before, scratch.map_before)


def test_vectors_of_the_starting_body_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    compute = cached_features.compute

    def counted(model: object, tokens: object, rows: torch.Tensor, *more: object) -> object:
        calls.append(len(rows))
        return compute(model, tokens, rows, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(cached_features, "compute", counted)
    run("first")
    assert len(calls) == 2
    run("again")
    assert len(calls) == 3


def test_principal_components_are_ordered_and_keep_distances_in_a_plane() -> None:
    plane = np.random.default_rng(0).normal(size=(50, 2)) * [5, 1] + 3
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(7, 7)))[0][:2]
    projected = collect.principal_components(plane @ rotation)
    assert projected.std(0)[0] > projected.std(0)[1]
    assert np.linalg.norm(projected[3] - projected[9]) == pytest.approx(
        np.linalg.norm(plane[3] - plane[9]), rel=1e-5
    )


@pytest.mark.parametrize("shape", [(1, 5), (4, 1)])
def test_one_text_or_one_dimension_still_gives_two_components(shape: tuple[int, int]) -> None:
    projected = collect.principal_components(np.random.default_rng(0).normal(size=shape))
    assert (projected.shape, projected.dtype) == ((shape[0], 2), np.float32)
    assert np.isfinite(projected).all()


def test_sampled_rows_are_distinct_ascending_and_the_same_every_time() -> None:
    rows = collect.sample_rows(25_000, 2_000)
    assert len(rows) == 2_000 and (rows.diff() > 0).all()
    assert torch.equal(rows, collect.sample_rows(25_000, 2_000))


def test_forgetting_is_measured_through_the_old_head(news_folder: str) -> None:
    forgot = diagnostics_of(source_task_data=news_folder, epochs=6).forgot
    assert forgot is not None
    assert (forgot["task"], forgot["texts"]) == ("AG News", 8)
    assert forgot["before"] == accuracy_on_news("base")
    base = checkpoints.find("base")
    trained_body = checkpoint_files.load_model(checkpoints.find("run"))
    trained_body.replace_head(4)
    trained_body.classifier = checkpoint_files.load_model(base).classifier
    checkpoint_files.save(
        trained_body,
        paths.checkpoints_dir() / "both",
        ref="both",
        title="Both",
        labels=ag_news.LABELS,
        vocabulary=small_runs.WORDS,
        truncation=base.truncation,
        dataset="ag_news",
    )
    assert forgot["after"] == accuracy_on_news("both")


def test_a_frozen_body_forgets_nothing(news_folder: str) -> None:
    forgot = diagnostics_of(mode="last-layer", source_task_data=news_folder).forgot
    assert forgot is not None
    assert forgot["after"] == forgot["before"]


def test_source_task_data_is_found_through_the_checkpoints_record(news_folder: str) -> None:
    origin = {"config": {"source": news_folder}}
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base", origin=origin)
    assert diagnostics_of().forgot is not None


@pytest.mark.parametrize(
    "values",
    [
        {"mode": "scratch"},
        {"checkpoint": "same task"},
        {"checkpoint": "unknown task"},
        {"checkpoint": "other labels"},
        {"source_task_data": ""},
    ],
    ids=lambda values: next(iter(values.values())) or "no data",
)
def test_forgetting_is_none_without_another_task_or_its_data(
    values: dict[str, str], news_folder: str
) -> None:
    folder = paths.checkpoints_dir()
    small_runs.checkpoint(folder / "same task", "same task", imdb.LABELS, "sample")
    small_runs.checkpoint(folder / "unknown task", "unknown task", dataset="poems")
    small_runs.checkpoint(folder / "other labels", "other labels", ("a", "b", "c"))
    assert diagnostics_of(**{"source_task_data": news_folder} | values).forgot is None


def test_failed_diagnostics_do_not_undo_the_run() -> None:
    (checkpoints.run_path("run").parent / ARRAYS / "not a file").mkdir(parents=True)
    last = run()[-1]
    assert isinstance(last, Finished)
    assert last.status == "finished"
    assert "The diagnostics are missing" in last.message
    assert "test_accuracy" in last.metrics
    assert Diagnostics.of_run("run") is None


def test_stop_during_diagnostics_leaves_a_finished_run(
    news_folder: str, caplog: pytest.LogCaptureFixture
) -> None:
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
