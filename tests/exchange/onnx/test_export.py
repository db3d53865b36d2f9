"""Models as ONNX: the same answers in batches of any size, the files beside the graph, what is refused."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from ftcore.config import FineTuneConfig
from ftcore.data import imdb
from ftcore.errors import UnfreezeError
from ftcore.events import Noted, Progress, drain
from ftcore.exchange import huggingface
from ftcore.exchange.onnx import check_texts, export, graph, measuring, programs, runtime
from ftcore.inference import prediction
from ftcore.models import calibration, checkpoints
from ftcore.models.calibration import Calibration
from ftcore.models.families import FAMILIES
from ftcore.text import word_rules
from tests.helpers import paused_runs, small_encoders
from tests.helpers.onnx_graphs import trace_here

pytestmark = pytest.mark.slow  # torch's exporter takes seconds to import
TEXTS = ["a good film", "not good it is awful " * 300, "great"]


def answers(folder, texts):
    """What predict.py says, where nothing of Unfreeze can be imported."""
    command = [sys.executable, "-B", str(folder / "predict.py"), *texts]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    lines = subprocess.run(
        command, cwd=folder.parent, env=environment, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return [json.loads(line) for line in lines]


def assert_same_answers(folder, ref, texts, tolerance):
    for answer, own in zip(answers(folder, texts), prediction.predict(ref, texts), strict=True):
        assert answer == pytest.approx(own.probabilities, abs=tolerance)


def test_the_lessons_model_answers_the_same_with_its_words(tmp_path):
    events = []
    drain(export.write("sentiment", tmp_path / "out"), events.append)
    typographic = (
        "It\u2019s <BR/>the \u201cbest\u201d film\u2014ever: caf\xe9 \ufb01ne 1\xbd <pad> 50% :-)"
    )
    assert_same_answers(tmp_path / "out", "sentiment", [*TEXTS, typographic, "..."], 1e-5)
    files = {file.name for file in (tmp_path / "out").iterdir()}
    assert files == {
        "model.onnx",
        "model.json",
        "vocabulary.json",
        "README.md",
        "predict.py",
        "words.py",
    }
    card = (tmp_path / "out" / "README.md").read_text()
    assert "The same label as in Unfreeze for 200 of 200 texts of Built-in sample" in card
    assert sum(isinstance(event, Noted) for event in events) == 2, "findings for the page"
    phases = {event.phase for event in events if isinstance(event, Progress)}
    assert phases >= {"converting", "testing", "saving"}


def test_an_earlier_rule_of_words_goes_along():
    module = {}
    exec(programs.words(word_rules.EARLIER), module)
    text = 'A "film"; not good, <br />is it? It\u2019s (so) bad!'
    assert module["tokenize"](text) == word_rules.EARLIER.tokenize(text)


@pytest.fixture
def encoder_run(tmp_path):
    """A small encoder that learned the sample, in the record."""
    drain(huggingface.import_encoder(str(small_encoders.write_folder(tmp_path / "small-bert"))))
    settings = {"checkpoint": "small-bert", "limit": 60, "epochs": 1, "max_length": 32}
    return paused_runs.finished(FineTuneConfig(**settings, mode="full"))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_calibrated_encoder_answers_the_same_and_its_card_has_its_own_figures(
    tmp_path, encoder_run, precision, monkeypatch
):
    trace_here(monkeypatch)
    thresholds = {"negative": 0.1, "positive": 0.2}
    calibration.write(checkpoints.find(encoder_run), Calibration(1.5, 0.95, thresholds, 100))
    drain(export.write(encoder_run, tmp_path / "out", precision))
    tolerance = 1e-5 if precision == "fp32" else 0.01
    assert_same_answers(tmp_path / "out", encoder_run, TEXTS, tolerance)
    described = json.loads((tmp_path / "out" / "model.json").read_text())
    assert described["temperature"] == 1.5 and described["label_sets"]["thresholds"] == thresholds

    card = (tmp_path / "out" / "README.md").read_text()
    tested, accuracy, own = re.search(
        r"Accuracy on ([\d,]+) test texts: ([\d.]+)%; ([\d.]+)% in Unfreeze", card
    ).groups()
    texts = drain(check_texts.of(checkpoints.find(encoder_run)))
    names = [max(answer, key=answer.get) for answer in answers(tmp_path / "out", texts.texts)]
    right = [name == imdb.LABELS[label] for name, label in zip(names, texts.truth, strict=True)]
    assert int(tested.replace(",", "")) == len(texts.texts) >= 200
    assert float(accuracy) == pytest.approx(100 * np.mean(right), abs=0.05)
    assert float(own) == pytest.approx(100 * texts.right.mean(), abs=0.05)
    speed = r"[\d.]+ ms for a text alone and [\d,]+ texts/s in batches"
    assert re.search(f"{speed}; in Unfreeze, in fp32, [\\d.]+ ms and [\\d,]+ texts/s", card)


def test_the_accuracy_is_that_of_the_graph(tmp_path, monkeypatch, encoder_run):
    """One that answers the opposite has nothing right where the run has all."""
    checkpoint = checkpoints.find(encoder_run)
    graph._trace(encoder_run, tmp_path / "model.onnx")
    names = [answer.label for answer in prediction.predict(encoder_run, TEXTS)]
    truth = np.array(list(map(checkpoint.labels.index, names)))

    def all_right(checkpoint):
        yield from ()
        return check_texts.CheckTexts("x", TEXTS, truth, np.ones(len(truth), bool))

    monkeypatch.setattr(check_texts, "of", all_right)
    answer = runtime.OnnxModel.scores
    monkeypatch.setattr(runtime.OnnxModel, "scores", lambda *inputs: -answer(*inputs))
    measured = drain(measuring.measure(checkpoint, tmp_path / "model.onnx"))
    assert (measured.tested, measured.accuracy, measured.own_accuracy) == (3, 0.0, 1.0)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_becomes_a_graph(tmp_path, family):
    """In one process, where the import of the exporter is paid once."""
    folder = small_encoders.write_folder(tmp_path / "small", family, classes=3)
    checkpoint = drain(huggingface.import_encoder(str(folder)))
    graph._trace(checkpoint.ref, tmp_path / "model.onnx")
    model, tokenizer = prediction.load(checkpoint)
    tokens = drain(prediction.encode(tokenizer, TEXTS))
    own = drain(prediction.score(checkpoint, model, tokens, "fp32")).numpy()
    exported = runtime.OnnxModel(tmp_path / "model.onnx")
    rows = [exported.scores_of(tokens, np.array([row]), checkpoint.truncation) for row in range(3)]
    together = exported.scores_of(tokens, np.arange(3), checkpoint.truncation)
    for scores in (np.concatenate(rows), together):
        np.testing.assert_allclose(scores, own, atol=1e-5)


def test_a_graph_that_answers_otherwise_is_refused_and_nothing_is_left(tmp_path, monkeypatch):
    trace_here(monkeypatch)
    answer = runtime.OnnxModel.scores
    monkeypatch.setattr(runtime.OnnxModel, "scores", lambda *inputs: -answer(*inputs))
    with pytest.raises(UnfreezeError, match="does not answer as it should: 200 of 200 texts"):
        drain(export.write("sentiment", tmp_path / "out"))
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".*"))


def test_int8_may_change_the_labels_of_one_text_in_a_hundred():
    speed = measuring.Speed(1.0, 1.0)
    for same, allowed in ((198, True), (197, False)):
        measured = measuring.Measured("x", 200, same, 0.01, 1, 1, speed, speed)
        if allowed:
            measuring.check(measured, "int8")
        else:
            with pytest.raises(UnfreezeError, match="3 of 200 texts got another label"):
                measuring.check(measured, "int8")


def test_a_model_that_cannot_be_traced_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(UnfreezeError, match="written as ONNX: There is no checkpoint"):
        drain(graph.trace_in_subprocess("gone", tmp_path / "model.onnx"))


def test_the_process_ends_with_the_task(tmp_path):
    task = graph.trace_in_subprocess("sentiment", tmp_path / "model.onnx")
    next(task)
    task.close()
    assert not (tmp_path / "model.onnx").exists()
