"""Explanations: they add up to the prediction, point the right way, and leave the model alone."""

import threading

import pytest
import torch

from ftcore import paths
from ftcore.data import sample
from ftcore.errors import UnfreezeError
from ftcore.inference.explanation import explain
from ftcore.inference.prediction import load, predict
from ftcore.models import checkpoints
from ftcore.text.truncation import Truncation
from tests.helpers import small_runs

REVIEW = "The trailer is gorgeous and the cast is brilliant, but the film itself is a mess."


def completeness_error(ref: str, text: str) -> float:
    """How far the contributions are from adding up to the change of the score, in log-odds."""
    explanation = explain(ref, text)
    assert len(explanation.contributions) == len(explanation.tokens) == len(explanation.known)
    return abs(sum(explanation.contributions) - (explanation.score - explanation.baseline_score))


@pytest.mark.parametrize("ref", ["sentiment", "starter"])
def test_contributions_add_up_to_the_score(ref):
    _, _, texts, _ = sample.generate()
    long_reviews = [" ".join(texts[start : start + 8])[:1400] for start in range(0, 64, 8)]
    errors = [completeness_error(ref, text) for text in [REVIEW, "Bad.", *long_reviews]]
    assert max(errors) < 0.2 and sorted(errors)[len(errors) // 2] < 0.05


@pytest.mark.parametrize("ref", ["sentiment", "starter"])
def test_label_and_probability_are_those_of_the_prediction(ref):
    [prediction] = predict(ref, [REVIEW])
    explanation = explain(ref, REVIEW)
    assert explanation.label == prediction.label
    expected = prediction.probabilities[prediction.label]
    assert explanation.probability == pytest.approx(expected, abs=1e-5)
    assert explanation.tokens == prediction.tokens


def test_praise_and_blame_point_in_opposite_directions():
    explanation = explain("sentiment", "a wonderful superb film with a terrible script")
    by_word = dict(zip(explanation.tokens, explanation.contributions, strict=True))
    sign = 1 if explanation.label == "positive" else -1
    assert sign * by_word["wonderful"] > 0 and sign * by_word["superb"] > 0
    assert sign * by_word["terrible"] < 0
    assert abs(by_word["with"]) < abs(by_word["terrible"])


def test_hiding_the_strongest_word_lowers_the_probability_most():
    text = "the plot is dull and the actors walk through it with a lamp"
    explanation = explain("sentiment", text)
    words = explanation.tokens
    hidden = [" ".join([*words[:n], "zzyzx", *words[n + 1 :]]) for n in range(len(words))]
    left = [answer.probabilities[explanation.label] for answer in predict("sentiment", hidden)]
    assert left.index(min(left)) == explanation.contributions.index(max(explanation.contributions))


def test_an_unknown_word_contributes_nothing():
    explanation = explain("sentiment", "A zzyzx <pad> film.")
    assert explanation.known[1] is False
    assert explanation.contributions[1] == 0
    assert explain("sentiment", "zzyzx qwxv").contributions == [0, 0]


def test_a_long_text_is_cut_as_the_model_cuts_it():
    path, truncation = paths.checkpoints_dir() / "base", Truncation(length=16, tail=0.5)
    base = small_runs.checkpoint(path, "base", truncation=truncation)
    explanation = explain("base", "good " * 20 + "film " * 20 + "bad " * 20)
    assert explanation.tokens == ["good"] * 8 + ["bad"] * 8
    assert explanation.gap == base.truncation.head == 8
    assert len(explanation.contributions) == 16
    assert completeness_error("base", "not good " * 400) < 0.05


@pytest.mark.parametrize("text", ["\x00", "é́ 映画", '"', "<pad>", "a" * 100_000])
def test_odd_texts_are_explained(text):
    assert completeness_error("sentiment", text) < 0.15


def test_errors_are_those_of_a_prediction():
    with pytest.raises(UnfreezeError, match="no checkpoint 'gone'"):
        explain("gone", "good")


def test_concurrent_predictions_are_not_disturbed():
    [before] = predict("sentiment", [REVIEW])
    state = torch.get_rng_state()
    answers, done = [], threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(predict("sentiment", [REVIEW])[0].probabilities)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        while len(answers) <= 5:
            explain("sentiment", REVIEW)
    finally:
        done.set()
        asking.join()
    assert all(answer == pytest.approx(before.probabilities, abs=1e-4) for answer in answers)
    assert torch.get_rng_state().equal(state)
    model, _ = load(checkpoints.find("sentiment"))
    assert all(weight.grad is None for weight in model.parameters())
