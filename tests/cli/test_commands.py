"""The command line, as its user calls it."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ftcore import paths
from ftcore.config import REFERENCES
from tests.helpers import disk_limit, small_runs

FTCORE = [sys.executable, "-m", "ftcore"]


def ftcore(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*FTCORE, *arguments], capture_output=True, text=True, cwd=paths.ROOT)


def lines(done: subprocess.CompletedProcess[str]) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def base() -> str:
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    return "base"


@pytest.mark.parametrize("mode", ["full", "last-layer", "scratch"])
def test_train_then_predict_with_the_result(base: str, mode: str) -> None:
    done = ftcore(
        "train",
        "--checkpoint",
        base,
        "--dataset",
        "sample",
        "--mode",
        mode,
        "--epochs",
        "2",
        "--limit",
        "100",
        "--json",
    )
    assert done.returncode == 0, done.stderr
    first, *_, last = lines(done)
    assert first["run_id"] == last["run_id"]
    assert (last["status"], last["mode"], last["dataset"]) == ("finished", mode, "sample")
    assert 0 <= last["val_accuracy"] <= 1
    assert 0 <= last["test_accuracy"] <= 1
    assert last["seconds"] >= last["train_seconds"] > 0
    assert last["reviews_per_second"] == pytest.approx(200 / last["train_seconds"])
    assert (last["trainable_parameters"] < last["parameters"]) == (mode == "last-layer")

    answers = lines(ftcore("predict", "--run", last["run_id"], "--json", "a good film", "bad"))
    assert len(answers) == 2
    for answer in answers:
        assert answer["label"] in answer["probabilities"]
        assert set(answer["probabilities"]) == {"negative", "positive"}
        assert answer["milliseconds"] > 0

    rows = lines(ftcore("runs", "--json"))
    assert [row["run_id"] for row in rows] == [last["run_id"]]
    refs = [row["ref"] for row in lines(ftcore("checkpoints", "--json"))]
    assert {base, last["run_id"]} <= set(refs)


def test_a_reference_line_needs_no_checkpoint() -> None:
    done = ftcore("train", "--mode", "tfidf", "--limit", "200", "--json")
    assert done.returncode == 0, done.stderr
    last = lines(done)[-1]
    assert (last["status"], last["mode"]) == ("finished", "tfidf")
    assert 0.5 < last["test_accuracy"] <= 1
    assert "TF-IDF · sample" in ftcore("runs").stdout


def test_compare_ends_with_a_table_and_a_verdict(base: str, tmp_path: Path) -> None:
    done = ftcore(
        "compare",
        "--checkpoint",
        base,
        "--modes",
        "full,last-layer",
        "--seeds",
        "1,2",
        "--limit",
        "60",
        "--epochs",
        "2",
        "--references",
        "--export",
        str(tmp_path / "out"),
        "--json",
    )
    assert done.returncode == 0, done.stderr
    first, *events, last = lines(done)
    runs = [event["config"] for event in events if event["event"] == "created"]
    assert [(run["mode"], run["seed"]) for run in runs] == [
        ("full", 1),
        ("last-layer", 1),
        ("full", 2),
        ("last-layer", 2),
        *((mode, 1) for mode in REFERENCES),
    ]
    rows = {row["mode"]: row for row in last["modes"]}
    assert list(rows) == ["full", "last-layer", *REFERENCES]
    assert (rows["full"]["seeds"], rows["tfidf"]["seeds"]) == ([1, 2], [1])
    assert rows["full"]["trainable_parameters"] > rows["last-layer"]["trainable_parameters"] > 0
    assert rows["full"]["test_spread"] >= 0
    assert rows["full"]["train_seconds"] > 0
    assert last["verdict"].endswith(".")
    assert last["experiment"] == first["experiment"]
    listed = lines(ftcore("experiments", "--json"))[0]
    assert (listed["experiment"], listed["runs"]) == (last["experiment"], len(runs))
    assert (listed["status"], listed["name"]) == ("finished", first["name"])
    assert (tmp_path / "out" / "full-2" / "history.csv").exists()
    again = ftcore("export-experiment", last["experiment"], str(tmp_path / "again"))
    assert again.returncode == 0, again.stderr
    same = "last-layer-1/watched.csv"
    assert (tmp_path / "again" / same).read_bytes() == (tmp_path / "out" / same).read_bytes()


def test_compare_shows_a_person_a_table(base: str) -> None:
    done = ftcore("compare", "--checkpoint", base, "--modes", "last-layer", "--limit", "40")
    assert done.returncode == 0, done.stderr
    heading = next(line for line in done.stdout.splitlines() if line.startswith("mode "))
    assert heading.split("  ")[-1] == "trained parameters"
    assert "of 1,000 synthetic test texts right" in done.stdout


def test_datasets_are_listed() -> None:
    assert [row["name"] for row in lines(ftcore("datasets", "--json"))] == [
        "sample",
        "imdb",
        "ag_news",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--checkpoint", "gone"], "no checkpoint 'gone'"),
        (["train", "--epochs", "few"], "Epochs is 'few'"),
        (
            ["train", "--checkpoint", "base", "--dataset", "imdb", "--source", "no/where"],
            "no/where",
        ),
        (["train", "--checkpoint", "base", "--dataset", "poems"], "poems"),
        (["predict", "--run", "gone", "text"], "no checkpoint 'gone'"),
        (["compare", "--checkpoint", "base", "--seeds", "0,x"], "whole numbers"),
        (["compare", "--checkpoint", "base", "--modes", "full,half"], "half"),
        (["compare", "--checkpoint", "gone"], "no checkpoint 'gone'"),
        (["compare", "--checkpoint", "base", "--export", "."], "already there"),
        (["train", "--checkpoint", "base", "--source-task-data", "no/where"], "no/where"),
        (["export-experiment", "gone", "x"], "no experiment 'gone'"),
        (["predict", "--checkpoint", "base", " "], "empty"),
        (["train", "--checkpoint", "base", "--device", "warp"], "warp"),
    ],
)
def test_what_cannot_be_done_ends_with_one_sentence(
    base: str, arguments: list[str], sentence: str
) -> None:
    done = ftcore(*arguments)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_rate_that_blows_up_ends_as_failed_with_advice(base: str) -> None:
    done = ftcore(
        "train",
        "--checkpoint",
        base,
        "--limit",
        "400",
        "--optimizer",
        "sgd",
        "--schedule",
        "constant",
        "--max-grad-norm",
        "0",
        "--learning-rate",
        "1000000",
        "--epochs",
        "20",
        "--json",
    )
    assert done.returncode != 0
    assert "learning rate" in done.stderr
    last = lines(done)[-1]
    assert last["status"] == "failed"
    assert last["val_accuracy"] is not None
    assert ftcore("predict", "--run", last["run_id"], "good").returncode == 0


def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    base: str, home: Path, shared_data: Path
) -> None:
    """A limit on the size of files stands in for a full disk: the cache of encoded texts hits it."""
    ftcore("runs")  # the record itself is there before
    with disk_limit.limit_file_size(2_000_000):
        done = ftcore(
            "train",
            "--checkpoint",
            base,
            "--dataset",
            "ag_news",
            "--source",
            str(shared_data / "ag_news_csv"),
            "--json",
        )
    assert done.returncode != 0
    said = "The disk is full: free some space and try again. The run can be resumed."
    assert done.stderr == f"interrupted: {said}\n"
    assert list((home / "cache").iterdir()) == []
    assert lines(ftcore("runs", "--json"))[0]["status"] == "interrupted"


def test_a_record_that_takes_no_more_ends_with_a_sentence(base: str, home: Path) -> None:
    ftcore("runs")
    with closing(sqlite3.connect(home / "mlflow.db")) as store:
        store.execute("VACUUM")  # else there is room within it
    room = (home / "mlflow.db").stat().st_size + 4_000
    with disk_limit.limit_file_size(room):
        done = ftcore("train", "--checkpoint", base, "--json")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "record of runs cannot be written" in done.stderr
    assert "interrupted" in ftcore("runs").stdout
