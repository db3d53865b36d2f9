"""`predict --input`: the answers to a file on the command line, and what is wrong usage."""

import json

import pytest

from ftcore import paths
from ftcore.cli.main import main
from ftcore.cli.printer import Printer
from tests.cli.test_options import TEXTS
from tests.helpers import small_runs


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "texts.tsv").write_text("number\treview\n1\tthe film is good\n2\t\n3\tbad\n")
    monkeypatch.chdir(folder)
    return folder


def predict(*arguments):
    return main(["predict", "--checkpoint", "base", *arguments])


def test_the_last_line_sums_up(here, capsys):
    call = ("--input", "texts.tsv", "--column", "review", "--delimiter", "\\t")
    assert predict(*call, "--output", "out.jsonl", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["phase"] for line in lines[:-1]} == {"reading", "predicting", "saving"}
    assert (here / "out.jsonl").read_text().count("\n") == 3
    last = lines[-1]
    assert last.pop("seconds") > 0 and sum(last.pop("labels").values()) == 2
    assert last == {"output": "out.jsonl", "rows": 3, "predicted": 2, "left_out": 1}
    assert predict(*call, "--output", "out.csv") == 0
    assert "Wrote 3 rows to out.csv" in capsys.readouterr().out


def test_ctrl_c_says_how_to_go_on(here, capsys, monkeypatch):
    def interrupt(printer, event):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Printer, "event", interrupt)
        assert predict("--input", "texts.tsv", "--column", "review", "--output", "out.csv") == 130
    message = "Interrupted: the same call goes on after what is answered already.\n"
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((), "There is no text"),
        (("text", "--column", "text"), "--column is for a file of texts"),
        (("text", "--output", "out.csv"), "--output is for a file of texts"),
        (("text", "--no-header"), "--header is for a file of texts"),
        (("text", "--input", "texts.tsv", "--output", "out.csv"), "not from both"),
        (("--input", "texts.tsv"), "--output is missing"),
        (("--input", "texts.tsv", "--output", "out.csv"), "choose one of number, review"),
        (("--input", "texts.tsv", "--output", "out"), "end it in .parquet, .csv or .jsonl"),
    ],
)
def test_wrong_usage_is_told(here, capsys, arguments, message):
    assert predict(*arguments) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in here.iterdir()] == ["texts.tsv"]


@pytest.mark.parametrize("option", ["input", "output", "column", "encoding", "delimiter", "sheet"])
def test_any_value_is_used_or_refused_in_a_sentence(here, capsys, option):
    values = {"input": "texts.tsv", "output": "out.csv", "column": "review"}
    for value in [*TEXTS, "/proc/new/out.csv", "\0.csv", f"{'x' * 250}.csv", "\udcff.csv"]:
        words = [f"--{name}={text}" for name, text in (values | {option: value}).items()]
        status = predict(*words)
        message = capsys.readouterr().err
        assert status in (0, 1, 2) and message.count("\n") == bool(status), (value, message)
        assert len(message) < 1500
        (here / "out.csv").unlink(missing_ok=True)
