"""The command line as a user calls it."""

import io
import json
import sqlite3
import subprocess
import sys
from contextlib import closing, redirect_stdout

import pytest

from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.experiments import archive
from ftcore.modes import REFERENCES
from tests.helpers import disk_limit, small_runs
from tests.helpers.dataset_files import ROWS, csvs

pytestmark = pytest.mark.slow


def printed(arguments: str, *texts: str) -> str:
    """What a command prints that succeeds; `texts` are arguments with spaces."""
    with redirect_stdout(io.StringIO()) as output:
        assert main([*arguments.split(), *texts]) == 0
    return output.getvalue()


def records(arguments: str, *texts: str) -> list[dict]:
    """The JSON lines of a command that succeeds."""
    return [json.loads(line) for line in printed(f"{arguments} --json", *texts).splitlines()]


@pytest.fixture(autouse=True)
def base():
    """A checkpoint called base."""
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")


def test_a_trained_run_predicts_and_is_listed():
    first, *_, last = records("train --checkpoint base --mode last-layer --epochs 2 --limit 100")
    assert first["run_id"] == last["run_id"]
    assert (last["status"], last["mode"], last["dataset"]) == ("finished", "last-layer", "sample")
    assert 0 <= last["val_accuracy"] <= 1 and 0 <= last["test_accuracy"] <= 1
    per_class = last["per_class"]
    assert [row["label"] for row in per_class] == ["negative", "positive"]
    for figure, name in (("macro_f1", "f1"), ("balanced_accuracy", "recall")):
        assert last[figure] == pytest.approx(sum(row[name] for row in per_class) / 2)
    assert sum(row["support"] for row in per_class) == last["test_texts"]
    assert last["best_by"] == "accuracy"
    assert last["seconds"] >= last["train_seconds"] > 0
    assert last["reviews_per_second"] == pytest.approx(200 / last["train_seconds"])
    assert last["trainable_parameters"] < last["parameters"]

    answers = records(f"predict --run {last['run_id']}", "a good film", "bad")
    assert [answer["text"] for answer in answers] == ["a good film", "bad"]
    for answer in answers:
        assert set(answer["probabilities"]) == {"negative", "positive"}
        assert answer["milliseconds"] > 0
    assert [row["run_id"] for row in records("runs")] == [last["run_id"]]
    assert {"base", last["run_id"]} <= {row["ref"] for row in records("checkpoints")}


def test_how_files_were_read_is_noted_in_the_last_line(tmp_path):
    csvs(tmp_path, [("1", "Caf\u00e9", "It\u2019s late"), *ROWS, *ROWS])
    for file in tmp_path.glob("*.csv"):
        file.write_bytes(file.read_text("utf-8").encode("cp1252"))
    for arguments in ("train --mode majority", "compare --modes majority"):
        *_, last = records(f"{arguments} --dataset ag_news --source {tmp_path}")
        for part in ("train", "test"):
            assert f"{part}.csv was read in the encoding windows-1252." in last["notes"]


def test_a_reference_needs_no_checkpoint():
    last = records("train --mode tfidf --limit 200")[-1]
    assert (last["status"], last["mode"]) == ("finished", "tfidf")
    assert 0.5 < last["test_accuracy"] <= 1
    assert "TF-IDF · sample" in printed("runs")


def test_compare_trains_each_mode_and_exports_the_experiment(tmp_path):
    first, *events, last = records(
        "compare --checkpoint base --modes full,last-layer,lp-ft --seeds 1,2 --limit 60 --epochs 2 "
        f"--references --export {tmp_path / 'out'}"
    )
    runs = [event["config"] for event in events if event["event"] == "created"]
    networks = [(mode, seed) for seed in (1, 2) for mode in ("full", "last-layer", "lp-ft")]
    planned = networks + [(mode, 1) for mode in REFERENCES]
    assert [(run["mode"], run["seed"]) for run in runs] == planned
    rows = {row["mode"]: row for row in last["modes"]}
    assert list(rows) == ["full", "last-layer", "lp-ft", *REFERENCES]
    assert (rows["full"]["seeds"], rows["tfidf"]["seeds"]) == ([1, 2], [1])
    assert rows["full"]["trainable_parameters"] > rows["last-layer"]["trainable_parameters"] > 0
    assert rows["full"]["test_spread"] >= 0 and rows["full"]["train_seconds"] > 0
    assert last["verdict"].endswith(".") and "LP-FT" in last["verdict"]
    assert last["unfair"] == {}
    assert last["experiment"] == first["experiment"]
    [row] = [row for row in records("experiments") if row["experiment"] == last["experiment"]]
    assert (row["runs"], row["status"], row["name"]) == (len(runs), "finished", first["name"])
    assert (tmp_path / "out" / "full-2" / "history.csv").exists()
    records(f"export-experiment {last['experiment']} {tmp_path / 'again'}")
    file = "last-layer-1/watched.csv"
    assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "out" / file).read_bytes()
    assert len(archive.read(tmp_path / "out")) == len(runs)


def test_compare_prints_a_table_and_a_verdict():
    output = printed("compare --checkpoint base --modes last-layer --limit 40")
    heading = next(line for line in output.splitlines() if line.startswith("mode "))
    assert heading.split("  ")[-1] == "trained parameters"
    assert "of 1,000 synthetic test texts right" in output


def test_parsing_imports_nothing_heavy():
    program = (
        "import sys; from ftcore.cli.main import _parser; _parser();"
        "print(sorted({'torch', 'mlflow', 'pandas', 'sklearn', 'scipy'} & sys.modules.keys()))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=paths.ROOT, capture_output=True, text=True
    )
    assert process.stdout == "[]\n", process.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        ("train --checkpoint gone", 1, "no checkpoint 'gone'"),
        ("train --checkpoint base --dataset imdb --source no/where", 1, "no/where"),
        ("train --checkpoint base --source-task-data no/where", 1, "no/where"),
        ("train --checkpoint base --device warp", 1, "warp"),
        ("predict --run gone text", 1, "no checkpoint 'gone'"),
        ("compare --checkpoint gone", 1, "no checkpoint 'gone'"),
        ("compare --checkpoint base --export .", 1, "already there"),
        ("export-experiment gone x", 1, "no experiment 'gone'"),
        ("resume gone", 1, "no run 'gone'"),
        ("train --epochs few", 2, "Epochs is 'few'"),
        ("train --dropout 2", 2, "Dropout is '2'"),
        ("train --mode half", 2, "Mode is 'half'"),
        ("train --checkpoint base --dataset poems", 2, "poems"),
        ("compare --checkpoint base --seeds 0,x", 2, "whole numbers"),
        ("compare --checkpoint base --modes full,half", 2, "half"),
        ("compare --modes ,", 2, "at least one mode"),
        ("train --checkpoint base --layers 3", 2, "--layers"),
        ("train --checkpoint base --groups head", 2, "--groups"),
        ("train --mode tfidf --epochs 2", 2, "--epochs"),
        ("train --dataset sample --source .", 2, "--source"),
        ("compare --modes tfidf,majority --batch-size 8", 2, "--batch-size"),
        ("find-rate --words 9000", 2, "--words"),
        ("find-rate --epochs 3", 2, "--epochs"),
        ("train --checkpoint base --mode last-layer --dropout 0.3", 2, "--dropout"),
        (
            "train --mode last-layer --layer-decay 0.9 --word-dropout 0.1",
            2,
            "--layer-decay, --word",
        ),
        ("train --mode custom --groups head --dropout 0.3", 2, "--dropout"),
        ("train --mode gradual --epochs 1 --layer-decay 0.5", 2, "--layer-decay"),
        ("train --mode last-2 --no-train-embeddings", 2, "--train-embeddings"),
        ("train --no-train-embeddings --embedding-rate 0.5", 2, "--embedding-rate"),
        ("train --mode scratch --source-task-data .", 2, "--source-task-data"),
        ("train --checkpoint base --dataset ag_news --source-task-data .", 2, "own task"),
        ("train --checkpoint base --mode last-99", 2, "last-4 at most"),
        ("train --checkpoint base --mode custom --groups top", 2, "no group 'top'"),
        ("compare --checkpoint base --modes last-layer --dropout 0.3", 2, "--dropout"),
        ("compare --checkpoint base --modes full --layer-decay 0", 2, "Layer decay is '0'"),
        ("compare --checkpoint base --evaluations 2", 2, "choose 5 or more"),
        ("train --minutes 5 --epochs 2", 2, "omit them: --epochs."),
        ("compare --minutes 5 --steps 9", 2, "omit them: --minutes."),
        ("train --mode tfidf --minutes 5", 2, "--minutes"),
        ("compare --resume gone --preset best", 2, "omit --preset"),
        ("predict --run= text", 2, "run is empty"),
        ("find-rate --mode tfidf", 2, "no learning rate"),
        ("vectors --epochs 3", 2, "--epochs"),
        ("vectors --dim 7", 2, "7 dimensions"),
    ],
)
def test_an_error_is_one_line_and_its_status_tells_wrong_usage(arguments, status, sentence, capsys):
    assert main(arguments.split()) == status
    message = capsys.readouterr().err
    assert sentence in message and len(message.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        *("pretrain --mode full", "pretrain --checkpoint base", "find-rate --watch x"),
        *(
            "train --preset fast",
            "train --optimizer adam",
            "app --json",
            "compare --references=x",
            "dance",
            "",
        ),
    ],
)
def test_unknown_options_and_choices_are_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments.split())
    assert "usage: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("train", ["{adamw,sgd}", "sample)", "(default: the mode's)", "(default: 0.01)"]),
        ("pretrain", ["(default: ag_news)", "texts (default: 3)", "rate (default: 0.0015)"]),
        (
            "compare",
            [
                "texts (default: 4, of an encoder",
                "step (default: 64)",
                "rate (default: the mode's)",
            ],
        ),
        ("predict", ["(default: sentiment)"]),
        ("vectors", ["(default: vectors.txt)", "(default: 30000)", "not for GloVe. (default: 6)"]),
        ("import", ["(default: lesson)"]),
        ("app", ["(default: 8501)"]),
    ],
)
def test_help_has_choices_and_defaults(command, shown, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert [words for words in shown if words not in text] == []


def test_a_full_disk_interrupts_a_run_and_leaves_no_partial_file(home, shared_data, capsys):
    """A limit on the size of files stands in for a full disk: the cache of encoded texts hits it."""
    tracking.runs()  # creates the record
    with disk_limit.limit_file_size(2_000_000):
        arguments = (
            f"train --checkpoint base --dataset ag_news --source {shared_data / 'ag_news_csv'}"
        )
        assert main(arguments.split()) != 0
    message = "The disk is full: free some space and try again. The run can be resumed."
    assert capsys.readouterr().err == f"interrupted: {message}\n"
    assert list((home / "cache").iterdir()) == []
    assert records("runs")[0]["status"] == "interrupted"


def test_a_record_that_cannot_grow_ends_a_run_with_a_sentence(home):
    """In a process, whose standard error is all that a user sees."""
    tracking.runs()
    with closing(sqlite3.connect(home / "mlflow.db")) as store:
        store.execute("VACUUM")  # so that there is no room inside the file
    command = [sys.executable, "-m", "ftcore", "train", "--checkpoint", "base", "--json"]
    with disk_limit.limit_file_size((home / "mlflow.db").stat().st_size + 4_000):
        process = subprocess.run(command, capture_output=True, text=True, cwd=paths.ROOT)
    assert process.returncode != 0 and "Traceback" not in process.stderr
    assert "record of runs cannot be written" in process.stderr
    assert "interrupted" in printed("runs")


def test_predict_says_if_no_word_is_known():
    """In the line below the answer, and with --json in its notes."""
    known, unknown = records("predict --checkpoint base", "a good film", "qwerty asdf")
    assert (known["notes"], known["known_tokens"]) == ([], 2)
    assert unknown["known_tokens"] == 0 and unknown["notes"] == [
        "No word of this text is known to the model: its answer says nothing about it."
    ]
    lines = printed("predict --checkpoint base", "qwerty asdf").splitlines()
    assert len(lines) == 2 and lines[1] == unknown["notes"][0]
