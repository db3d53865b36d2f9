"""Answers to the texts of a file: the same as one by one, every row has its own, no work is done twice."""

import json
import os
import signal
import subprocess
import sys

import pandas as pd
import pytest

from ftcore import paths
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Noted, Progress, drain
from ftcore.inference import prediction, table_prediction, table_texts
from ftcore.inference.table_prediction import Request
from ftcore.models import calibration
from ftcore.text.truncation import Truncation
from tests.helpers import small_runs

MESSY = """id;text;note
1;The film is good.;a
2;"bad; and
""not"" good";b
3;;c
4;too;many;columns
5;qwerty asdf, the film .;d
6;   ;e
7;NaN;f
8;Stra\xdfe;g
9;one;column;more
"""


@pytest.fixture
def base():
    return small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(table_texts, "ROWS", 4)


@pytest.fixture
def messy(tmp_path):
    file = tmp_path / "messy.csv"
    file.write_text(MESSY, encoding="cp1252")
    return file


@pytest.fixture
def films(tmp_path):
    """22 texts, so six parts of four."""
    file = tmp_path / "films.jsonl"
    lines = [json.dumps({"text": f"the film {'is ' * row} good"}) for row in range(22)]
    file.write_text("\n".join(lines))
    return file


def answer(file, output, on_event=lambda event: None, **more):
    request = Request("base", str(file), str(output), **{"column": "text"} | more)
    return drain(table_prediction.predict(request), on_event)


def interrupted(file, output, parts):
    """Stop as Ctrl-C does, once so many parts are whole and the next one is under way."""

    def stop(event):
        if isinstance(event, Progress) and event.phase == "predicting" and event.done > 4 * parts:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answer(file, output, stop)
    assert not output.exists()


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_every_row_of_a_messy_file_has_its_answer(base, messy, tmp_path, small_parts, ending):
    events = []
    output = tmp_path / "new" / f"out.{ending}"
    answers = answer(messy, output, events.append, encoding="cp1252")
    read = {"parquet": pd.read_parquet, "csv": pd.read_csv}
    table = read[ending](output) if ending in read else pd.read_json(output, lines=True)
    assert table["row"].tolist() == list(range(9))
    answered = table["label"].notna()
    assert table["row"][answered].tolist() == [0, 1, 4, 7]
    assert (answers.rows, answers.predicted, answers.left_out) == (9, 4, 5)
    assert answers.labels == {
        label: int((table["label"] == label).sum()) for label in base.labels
    } and list(answers.labels) == list(base.labels)
    texts = table["text"][answered].tolist()
    assert texts[1:] == ['bad; and\n"not" good', "qwerty asdf, the film .", "Straße"]
    for (_, row), alone in zip(table[answered].iterrows(), map(one, texts), strict=True):
        assert row["label"] == alone.label
        shares = {label: row[f"probability_{label}"] for label in base.labels}
        assert shares == pytest.approx(alone.probabilities, abs=1e-5)
        assert row["unknown"] == pytest.approx(len(alone.unknown) / len(alone.tokens), abs=1e-6)
    assert table.loc[~answered, ["unknown", f"probability_{base.labels[0]}"]].isna().all(axis=None)
    notes = [event.note for event in events if isinstance(event, Noted)]
    assert any("2 rows cannot be read" in note and "row 3" in note for note in notes), notes
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def one(text):
    return prediction.predict("base", [text])[0]


@pytest.mark.parametrize("raw", [False, True])
def test_answers_are_calibrated_as_those_of_single_texts(base, films, tmp_path, raw):
    thresholds = dict.fromkeys(base.labels, 0.3)
    calibration.write(base, calibration.Calibration(5.0, 0.9, thresholds, 100))
    answer(films, tmp_path / "out.parquet", raw=raw)
    table = pd.read_parquet(tmp_path / "out.parquet")
    alone = prediction.predict("base", table["text"].tolist()[:3], raw)
    for label in base.labels:
        shares = [each.probabilities[label] for each in alone]
        assert table[f"probability_{label}"][:3].tolist() == pytest.approx(shares, abs=1e-5)
    assert ("set" in table) == ("not_sure" in table) == (not raw)
    if not raw:
        assert list(map(list, table["set"][:3])) == [each.label_set for each in alone]
        assert table["not_sure"][:3].tolist() == [each.not_sure for each in alone]


def test_the_sets_of_rows_are_json_in_a_csv_and_empty_without_a_text(base, messy, tmp_path):
    calibration.write(base, calibration.Calibration(1.0, 0.9, dict.fromkeys(base.labels, 0.0), 1))
    answer(messy, tmp_path / "out.csv", encoding="cp1252")
    table = pd.read_csv(tmp_path / "out.csv")
    answered = table["label"].notna()
    assert set(table["set"][answered]) == {json.dumps(base.labels)}
    assert table.loc[~answered, ["set", "not_sure"]].isna().all(axis=None)


def test_the_share_of_unknown_words_counts_what_is_read_of_a_long_text(tmp_path):
    more = {"truncation": Truncation(16, tail=0.25)}
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base", **more)
    text = "film zebra " + "zebra film " * 9 + "film zebra zebra zebra"
    (tmp_path / "long.jsonl").write_text(json.dumps({"text": text}))
    answer(tmp_path / "long.jsonl", tmp_path / "out.parquet")
    [share] = pd.read_parquet(tmp_path / "out.parquet")["unknown"]
    alone = one(text)
    assert share == pytest.approx(len(alone.unknown) / len(alone.tokens)) == 9 / 16


def test_an_interrupted_call_goes_on_after_its_last_whole_part(
    base, films, tmp_path, small_parts, monkeypatch
):
    answer(films, tmp_path / "whole.csv")
    output = tmp_path / "out.csv"
    interrupted(films, output, parts=3)
    encoded, events = [], []
    encode = prediction.encode
    monkeypatch.setattr(
        prediction, "encode", lambda words, texts: encoded.extend(texts) or encode(words, texts)
    )
    answers = answer(films, output, events.append)
    assert len(encoded) == 22 - 12, "what is answered is not answered again"
    assert Noted("12 of 22 rows are answered already.") in events
    assert answers.rows == answers.predicted == 22
    assert output.read_text() == (tmp_path / "whole.csv").read_text()
    assert not (tmp_path / "out.csv.parts").exists()


@pytest.mark.slow
def test_a_killed_process_leaves_whole_parts(base, films, tmp_path):
    """Killed in the middle of writing its third part."""
    output = tmp_path / "out.parquet"
    code = f"""
import os
from pathlib import Path
from ftcore.cli.main import main
from ftcore.inference import table_texts
table_texts.ROWS = 4
replace = Path.replace
def die(file, target):
    if target.name == "000000000008.parquet":
        os.kill(os.getpid(), {int(signal.SIGKILL)})
    return replace(file, target)
Path.replace = die
main(["predict", "--checkpoint", "base", "--input", {str(films)!r}, "--output", {str(output)!r}])
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT, env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    events = []
    assert answer(films, output, events.append).rows == 22
    assert Noted("8 of 22 rows are answered already.") in events
    assert len(pd.read_parquet(output)) == 22 and not list(tmp_path.glob("*.parts"))


def test_unfinished_answers_to_something_else_are_refused(base, films, tmp_path, small_parts):
    output = tmp_path / "out.csv"
    interrupted(films, output, parts=1)
    films.touch()
    content = films.read_text()
    films.write_text(content.replace("good", "bad", 1))
    with pytest.raises(UnfreezeError, match="the texts changed since: remove it"):
        answer(films, output)
    films.write_text(content)
    small_runs.checkpoint(base.path, "base", seed=9)
    with pytest.raises(UnfreezeError, match="the checkpoint changed since"):
        answer(films, output)


def test_a_model_that_cannot_answer_leaves_nothing(base, films, tmp_path, monkeypatch):
    def fail(checkpoint):
        raise UnfreezeError("no weights")

    monkeypatch.setattr(prediction, "load", fail)
    with pytest.raises(UnfreezeError, match="no weights"):
        answer(films, tmp_path / "out.csv")
    assert sorted(tmp_path.iterdir()) == sorted([films, paths.home()])


def test_what_exists_is_refused(base, films, tmp_path):
    output = tmp_path / "out.csv"
    output.write_text("mine")
    with pytest.raises(UnfreezeError, match="already there"):
        answer(films, output)
    assert output.read_text() == "mine"
    (tmp_path / "other.csv.parts").mkdir()
    with pytest.raises(UnfreezeError, match="holds no unfinished answers"):
        answer(films, tmp_path / "other.csv")
    with pytest.raises(UsageError, match=r"end it in \.parquet, \.csv or \.jsonl"):
        answer(films, tmp_path / "out.txt")


def test_two_calls_do_not_write_the_same_output(base, films, tmp_path):
    output = tmp_path / "out.csv"

    def again(event):
        if isinstance(event, Progress) and event.phase == "predicting":
            with pytest.raises(UnfreezeError, match="Another call is writing"):
                answer(films, output)

    assert answer(films, output, again).rows == 22


def test_a_column_that_is_not_there_is_refused_before_any_work(base, messy, tmp_path):
    with pytest.raises(UsageError, match=r"no column 'texts'; did you mean text\?.*id, text, note"):
        answer(messy, tmp_path / "out.csv", column="texts")
    assert list(tmp_path.iterdir()) == [messy, paths.home()]


def test_texts_that_change_between_the_readings_are_refused(base, films, tmp_path, small_parts):
    def change(event):
        if isinstance(event, Progress) and event.phase == "predicting" and event.done == 0:
            films.write_text('{"text": "another"}\n' * 22)

    with pytest.raises(UnfreezeError, match="changed while it was read"):
        answer(films, tmp_path / "out.csv", change)
