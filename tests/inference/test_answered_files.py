"""Files that the dashboard answers: one after the other, resumed, found again, and summed up."""

import json
import threading

import numpy as np
import pandas as pd
import pytest

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, drain
from ftcore.inference import (
    answer_summary,
    answered_files,
    answering,
    prediction,
    table_prediction,
    table_texts,
)
from ftcore.models import calibration
from tests.helpers import small_runs
from tests.helpers.waiting import PATIENCE

TEXTS = ["the film is good .", "", "bad film", "not good", "the film , not bad"]


@pytest.fixture
def base():
    return small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")


@pytest.fixture
def films(tmp_path):
    file = tmp_path / "films.jsonl"
    file.write_text("\n".join(json.dumps({"text": text}) for text in TEXTS))
    return file


def asked(file, base, copied=True, **how):
    return answered_files.create(file, file.name, base, "Base", "text", how, copied)


def finished(file):
    call = answering.start(file)
    call._thread.join(PATIENCE)
    assert not call.running and not call.error
    return file


def test_an_upload_is_answered_in_both_forms_and_found_again(base, films):
    file = finished(asked(films, base))
    films.unlink()  # the copy of a visitor who left
    [again] = answered_files.listed()
    assert again == file and again.finished and (again.name, again.model) == ("films.jsonl", "Base")
    parquet, csv = pd.read_parquet(file.parquet), pd.read_csv(file.csv)
    assert list(parquet) == list(csv) and parquet["label"].tolist()[2:] == csv["label"].tolist()[2:]
    answering.remove(file)
    assert not answered_files.listed() and not file.folder.exists()


def test_the_same_file_is_the_same_question_until_it_or_the_model_changes(base, films, tmp_path):
    file = asked(films, base)
    other = tmp_path / "other.jsonl"
    other.write_bytes(films.read_bytes())
    assert asked(other, base).id == file.id
    assert len({file.id, asked(films, base, copied=False).id, asked(films, base, raw=True).id}) == 3
    films.write_text(films.read_text().replace("bad", "good"))
    assert asked(films, base).id != file.id
    retrained = small_runs.checkpoint(base.path, "base", seed=9)
    assert asked(other, retrained).id != file.id


def test_cancelled_answers_go_on_after_the_last_whole_part(base, films, monkeypatch):
    monkeypatch.setattr(table_texts, "ROWS", 2)
    file = asked(films, base)
    encoded = []
    encode = prediction.encode

    def watched(tokenizer, texts):
        encoded.extend(texts)
        if len(encoded) == 3:  # in the second part
            answering.find(file).cancel()
        return encode(tokenizer, texts)

    monkeypatch.setattr(prediction, "encode", watched)
    call = answering.start(file)
    call._thread.join(PATIENCE)
    assert not file.finished and not call.error
    finished(file)
    assert encoded[:1] == TEXTS[:1] and encoded.count(TEXTS[0]) == 1, "the first part was kept"
    assert len(pd.read_parquet(file.parquet)) == len(TEXTS)


def test_files_take_turns_and_one_that_waits_can_be_cancelled(base, films, monkeypatch):
    entered, go_on = threading.Event(), threading.Event()

    def predict(request):
        entered.set()
        yield Progress("reading", 0, 1, "bytes")
        assert go_on.wait(PATIENCE)
        yield Progress("reading", 1, 1, "bytes")

    monkeypatch.setattr(table_prediction, "predict", predict)
    first, second = asked(films, base), asked(films, base, raw=True)
    call = answering.start(first)
    assert entered.wait(PATIENCE) and answering.start(first) is call
    waiting = answering.start(second)
    with pytest.raises(UnfreezeError, match="cancel that first"):
        answering.remove(second)
    waiting.cancel()
    waiting._thread.join(PATIENCE)
    assert not waiting.running and waiting.progress is None and call.running
    call.cancel()
    go_on.set()
    call._thread.join(PATIENCE)
    assert not call.running


def test_why_a_file_is_not_answered_is_one_sentence(base, films):
    file = answered_files.create(films, films.name, base, "Base", "txt", {}, True)
    call = answering.start(file)
    call._thread.join(PATIENCE)
    assert "has no column 'txt'" in call.error and not file.finished


def test_a_damaged_record_is_left_out(base, films):
    file = asked(films, base)
    (file.folder / "request.json").write_text("{")
    assert answered_files.listed() == []


@pytest.mark.parametrize("calibrated", [False, True])
def test_the_summary_counts_labels_and_finds_the_least_sure(base, films, monkeypatch, calibrated):
    monkeypatch.setattr(answer_summary, "MOST_SHOWN", 2)
    if calibrated:  # every label is in every set
        kept = calibration.Calibration(1.0, 0.9, dict.fromkeys(base.labels, 0.0), 1)
        calibration.write(base, kept)
    file = finished(asked(films, base))
    summary = answer_summary.summarize(file.parquet)
    table = pd.read_parquet(file.parquet).dropna(subset="label")
    shares = np.sort(table.filter(like="probability_").to_numpy(), 1)
    margins = pd.Series((shares[:, -1] - shares[:, -2]) / 2, table.index)
    assert (summary.rows, summary.left_out, summary.calibrated) == (5, 1, calibrated)
    assert summary.labels == table["label"].value_counts().to_dict()
    assert [row["row"] for row in summary.least_sure] == margins.nsmallest(2).index.tolist()
    assert summary.unsure == (4 if calibrated else (margins < answer_summary.CLOSE).sum())


def test_answers_of_several_labels_are_unsure_near_a_threshold(tmp_path):
    columns = {"row": [0, 1], "text": ["a", "b"], "label": ["x", "x, y"]}
    columns |= {"probability_x": [0.9, 0.9], "probability_y": [0.1, 0.45]}
    columns |= {f"probability_{number}": [0.01, 0.01] for number in range(40)}  # rare ones
    pd.DataFrame(columns).astype(
        {name: "float32" for name in columns if name.startswith("probability_")}
    ).to_parquet(tmp_path / "answers.parquet")
    thresholds = (0.5, 0.4, *[0.05] * 40)
    summary = answer_summary.summarize(tmp_path / "answers.parquet", thresholds)
    assert summary.unsure == 1 and summary.least_sure[0]["row"] == 1


def test_a_csv_that_was_interrupted_is_written_again(base, films):
    file = finished(asked(films, base))
    file.csv.unlink()
    drain(answered_files.answer(file))
    assert file.finished
