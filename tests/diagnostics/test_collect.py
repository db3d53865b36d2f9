"""Looking inside finished runs, with models of some hundred weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ftcore import events, paths
from ftcore.config import FineTuneConfig
from ftcore.data import ag_news, datasets, imdb
from ftcore.diagnostics import collect, insights
from ftcore.diagnostics.insights import Insights
from ftcore.events import Event, Finished, Progress, drain
from ftcore.inference.prediction import predict
from ftcore.models import checkpoints
from ftcore.runs import train
from ftcore.storage import downloads
from ftcore.training import learners
from tests.helpers import small_runs

TEXTS = ["the film is good", "the film is bad", "not bad, the film is good", "not good. bad film"]
NEWS = ["good", "bad", "the the", "is not", "film, film", "not bad.", ", .", "the bad film is good"]


def made(
    name: str, labels: tuple[str, ...], texts: list[str], truth: list[int]
) -> datasets.TextDataset:
    return datasets.TextDataset(
        name,
        datasets.title(name),
        labels,
        datasets.Texts(texts * 50, truth * 50),
        datasets.Texts(texts, truth),
        "this test",
        False,
        f"0123456789ab{len(texts):04}",
    )


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint that knows news, and both datasets replaced by a few short texts."""
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    both = {
        "sample": made("sample", imdb.LABELS, TEXTS, [1, 0, 1, 0]),
        "ag_news": made("ag_news", ag_news.LABELS, NEWS, [0, 1, 2, 3] * 2),
    }

    def load(name: str, source: str = "") -> datasets.Task[datasets.TextDataset]:
        yield Progress("reading", 1, 1, "texts")
        return both[name]

    def fetch(*arguments: object, **more: object) -> None:
        raise AssertionError("nothing may be downloaded to look inside")

    monkeypatch.setattr(datasets, "load", load)
    monkeypatch.setattr(downloads, "fetch", fetch)


@pytest.fixture
def news(tmp_path: Path) -> str:
    """A path that is there; what would be read from it is made up above."""
    return str(tmp_path)


def run(ref: str = "made", **values: object) -> list[Event]:
    config = FineTuneConfig.from_dict(
        {
            "checkpoint": "base",
            "epochs": 2,
            "batch_size": 16,
            "max_length": 16,
            "device": "cpu",
            "learning_rate": 0.02,
            "precision": "fp32",
            "train_embeddings": False,
        }
        | values
    )
    events: list[Event] = []
    drain(train.train(config, checkpoints.run_path(ref), ref), events.append)
    return events


def looked(ref: str = "made", **values: object) -> Insights:
    run(ref, **values)
    found = insights.load(ref)
    assert found is not None
    return found


def test_answers_are_those_of_the_best_weights() -> None:
    found = looked()
    assert found.truth.tolist() == [1, 0, 1, 0]
    assert found.probabilities.sum(1) == pytest.approx(np.ones(4))
    right = (found.probabilities.argmax(1) == found.truth).mean()
    assert right == checkpoints.find("made").metrics["test_accuracy"]
    said = [list(one.probabilities.values()) for one in predict("made", TEXTS)]
    assert found.probabilities == pytest.approx(np.array(said), abs=1e-5)


@pytest.mark.parametrize(
    ("mode", "frozen"),
    [
        ("full", {"word vectors"}),
        ("last-layer", {"word vectors", "layer 1", "layer 2"}),
        ("last-2", {"word vectors", "layer 1"}),
        ("scratch", {"word vectors"}),
    ],
)
def test_what_was_frozen_did_not_move(mode: str, frozen: set[str]) -> None:
    moved = looked(mode=mode).moved
    assert list(moved) == ["head", "layer 2", "layer 1", "word vectors"]
    assert {name for name, way in moved.items() if way == 0} == frozen


def test_the_way_is_that_from_the_starting_weights() -> None:
    moved = looked(train_embeddings=True).moved
    old, new = (
        torch.cat(
            [
                weight.detach().flatten()
                for name, weight in checkpoints.load_model(checkpoints.find(ref)).named_parameters()
                if "layers.0." in name
            ]
        )
        for ref in ("base", "made")
    )
    assert moved["layer 1"] == pytest.approx(float((new - old).norm() / old.norm()))
    assert moved["word vectors"] > 0


def test_the_map_before_is_that_of_the_checkpoint_and_the_same_for_all() -> None:
    full, head, scratch = (looked(mode, mode=mode) for mode in ("full", "last-layer", "scratch"))
    assert full.rows.tolist() == head.rows.tolist() == [0, 1, 2, 3]
    assert np.array_equal(full.before, head.before)
    assert np.array_equal(head.before, head.after)
    assert not np.allclose(full.before, full.after)
    assert not np.allclose(full.before, scratch.before)


def test_the_starting_bodys_vectors_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = learners.features

    def counted(model: object, whole: object, rows: torch.Tensor) -> object:
        calls.append(len(rows))
        return real(model, whole, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(learners, "features", counted)
    counts = []
    for ref in ("first", "again"):
        run(ref)
        counts.append(len(calls))
        calls.clear()
    assert counts == [2, 1]


def test_principal_components_are_ordered_and_keep_distances_in_a_plane() -> None:
    plane = np.random.default_rng(0).normal(size=(50, 2)) * [5, 1] + 3
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(7, 7)))[0][:2]
    found = collect.principal(plane @ turn)
    assert found.std(0)[0] > found.std(0)[1]
    assert np.linalg.norm(found[3] - found[9]) == pytest.approx(
        np.linalg.norm(plane[3] - plane[9]), rel=1e-5
    )


@pytest.mark.parametrize("shape", [(1, 5), (4, 1)])
def test_there_are_two_components_whatever_there_is(shape: tuple[int, int]) -> None:
    found = collect.principal(np.random.default_rng(0).normal(size=shape))
    assert (found.shape, found.dtype) == ((shape[0], 2), np.float32)
    assert np.isfinite(found).all()


def test_a_large_test_set_is_drawn_from_the_same_for_all() -> None:
    rows = collect._drawn(25_000, collect.POINTS)
    assert len(rows) == len(rows.unique()) == 2_000
    assert torch.equal(rows, collect._drawn(25_000, collect.POINTS))
    assert torch.equal(rows, rows.sort().values)


def test_what_was_forgotten_is_told_by_the_old_head(news: str) -> None:
    forgot = looked(own_data=news, epochs=6).forgot
    assert forgot is not None
    answers = predict("base", NEWS)
    truth = [ag_news.LABELS[label] for label in [0, 1, 2, 3] * 2]
    right = [one.label == label for one, label in zip(answers, truth, strict=True)]
    assert (forgot["task"], forgot["texts"]) == ("AG News", 8)
    assert forgot["before"] == sum(right) / 8
    body = checkpoints.load_model(checkpoints.find("made"))
    body.replace_head(4)
    body.classifier = checkpoints.load_model(checkpoints.find("base")).classifier
    checkpoints.save(
        body,
        paths.checkpoints_dir() / "both",
        ref="both",
        title="Both",
        labels=ag_news.LABELS,
        vocabulary=small_runs.WORDS,
        window=checkpoints.find("base").window,
        dataset="ag_news",
    )
    answers = predict("both", NEWS)
    right = [one.label == label for one, label in zip(answers, truth, strict=True)]
    assert forgot["after"] == sum(right) / 8


def test_a_frozen_body_forgets_nothing(news: str) -> None:
    forgot = looked(mode="last-layer", own_data=news).forgot
    assert forgot is not None
    assert forgot["after"] == forgot["before"]


def test_data_of_the_earlier_run_is_found_by_its_record(news: str) -> None:
    origin = {"config": {"source": news}}
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base", origin=origin)
    assert looked().forgot is not None


@pytest.mark.parametrize(
    "values",
    [
        {"mode": "scratch"},
        {"checkpoint": "same"},
        {"checkpoint": "unknown"},
        {"checkpoint": "other labels"},
    ],
    ids=["scratch", "the same task", "an unknown task", "other labels"],
)
def test_where_there_is_nothing_to_forget_nothing_is_said(
    values: dict[str, str], news: str
) -> None:
    folder = paths.checkpoints_dir()
    small_runs.checkpoint(folder / "same", "same", imdb.LABELS, "sample")
    small_runs.checkpoint(folder / "unknown", "unknown", dataset="poems")
    small_runs.checkpoint(folder / "other labels", "other labels", ("a", "b", "c"))
    assert looked(**values, own_data=news).forgot is None


def test_what_is_not_at_hand_is_not_measured() -> None:
    assert looked().forgot is None


def test_data_that_was_downloaded_is_at_hand(home: Path) -> None:
    assert datasets.is_available("sample")
    assert not datasets.is_available("ag_news")
    assert not datasets.is_available("imdb", str(home / "gone"))
    assert not datasets.is_available("poems")
    for file in datasets.download_paths("ag_news"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    assert datasets.is_available("ag_news")


def test_a_failure_to_look_inside_does_not_undo_the_run() -> None:
    blocked = checkpoints.run_path("made").parent / insights.ARRAYS
    (blocked / "not a file").mkdir(parents=True)
    last = run()[-1]
    assert isinstance(last, Finished)
    assert last.status == "finished"
    assert "What happened inside is not known" in last.message
    assert "test_accuracy" in last.metrics
    assert insights.load("made") is None


def test_stop_while_looking_inside_leaves_a_finished_run(
    news: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = FineTuneConfig(checkpoint="base", epochs=1, device="cpu", own_data=news)
    task = train.train(config, checkpoints.run_path("made"), "made")
    for event in task:
        if isinstance(event, Progress) and event.phase == "looking inside":
            break
    rest = [task.throw(events.Stop), *task]
    assert [type(event) for event in rest] == [Finished]
    assert rest[0].status == "finished"  # type: ignore[union-attr]
    assert "Stopped before all was seen" in rest[0].message  # type: ignore[union-attr]
    assert not caplog.records, "nothing went wrong"
