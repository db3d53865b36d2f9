"""Reasons: they add up to the answer, point the right way, and disturb nobody else's answers."""

import subprocess
import sys
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


@pytest.fixture(scope="module")
def long_reviews() -> list[str]:
    """Texts of about 250 tokens."""
    _, _, texts, _ = sample.generate()
    return [" ".join(texts[start : start + 8])[:1400] for start in range(0, 64, 8)]


def _error(ref: str, text: str) -> float:
    """How far the contributions are from adding up to the answer, in log-odds."""
    found = explain(ref, text)
    assert len(found.contributions) == len(found.tokens) == len(found.known)
    return abs(sum(found.contributions) - (found.score - found.start))


@pytest.mark.parametrize("ref", ["sentiment", "starter"])
def test_contributions_add_up_to_the_answer(ref: str, long_reviews: list[str]) -> None:
    errors = [_error(ref, text) for text in [REVIEW, "Bad.", *long_reviews]]
    assert max(errors) < 0.15 and sorted(errors)[len(errors) // 2] < 0.05


@pytest.mark.parametrize("ref", ["sentiment", "starter"])
def test_score_and_label_are_those_of_the_prediction(ref: str) -> None:
    [answer] = predict(ref, [REVIEW])
    found = explain(ref, REVIEW)
    assert found.label == answer.label
    assert found.share == pytest.approx(answer.probabilities[answer.label], abs=1e-5)
    assert found.tokens == answer.tokens


def test_praise_and_blame_point_in_opposite_directions() -> None:
    found = explain("sentiment", "a wonderful superb film with a terrible script")
    by_word = dict(zip(found.tokens, found.contributions, strict=True))
    sign = 1 if found.label == "positive" else -1
    assert sign * by_word["wonderful"] > 0 and sign * by_word["superb"] > 0
    assert sign * by_word["terrible"] < 0
    assert abs(by_word["with"]) < abs(by_word["terrible"])


def test_hiding_the_strongest_word_costs_the_answer_most() -> None:
    found = explain("sentiment", "the plot is dull and the actors walk through it with a lamp")
    text = found.tokens
    strongest = max(range(len(text)), key=found.contributions.__getitem__)

    def without(position: int) -> float:
        hidden = [*text[:position], "zzyzx", *text[position + 1 :]]
        return predict("sentiment", [" ".join(hidden)])[0].probabilities[found.label]

    assert without(strongest) == min(without(position) for position in range(len(text)))


def test_an_unknown_word_says_nothing() -> None:
    found = explain("sentiment", "A zzyzx <pad> film.")
    assert found.known[1] is False
    assert found.contributions[1] == 0
    assert all(explain("sentiment", "zzyzx qwxv").contributions[i] == 0 for i in (0, 1))


def test_a_long_text_is_cut_as_the_model_cuts_it() -> None:
    base = small_runs.checkpoint(
        paths.checkpoints_dir() / "base", "base", window=Truncation(length=16, tail=0.5)
    )
    found = explain("base", "good " * 20 + "film " * 20 + "bad " * 20)
    assert found.tokens == ["good"] * 8 + ["bad"] * 8
    assert found.gap == base.window.head == 8
    assert len(found.contributions) == 16
    assert _error("base", "not good " * 400) < 0.05


@pytest.mark.parametrize("text", ["\x00", "é́ 映画", '"', "<pad>", "a" * 100_000])
def test_odd_texts_have_reasons_too(text: str) -> None:
    assert _error("sentiment", text) < 0.15


def test_an_empty_text_and_a_missing_model_are_sentences() -> None:
    with pytest.raises(UnfreezeError, match="empty"):
        explain("sentiment", "  ")
    with pytest.raises(UnfreezeError, match="no checkpoint 'gone'"):
        explain("gone", "good")


def test_others_get_their_answers_meanwhile_and_no_hook_stays() -> None:
    [before] = predict("sentiment", [REVIEW])
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
    model, _ = load(checkpoints.find("sentiment"))
    assert not any(module._forward_hooks for module in model.modules())
    assert all(weight.grad is None for weight in model.parameters())


def test_random_numbers_of_a_training_are_left_alone() -> None:
    state = torch.get_rng_state()
    explain("sentiment", REVIEW)
    assert torch.get_rng_state().equal(state)


def test_captum_is_imported_when_it_is_used() -> None:
    program = "import sys, ftcore.explain; print({'captum', 'matplotlib'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=paths.ROOT, capture_output=True, text=True
    )
    assert done.stdout == "set()\n", done.stderr
