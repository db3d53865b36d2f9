"""How texts fit a checkpoint."""

from ftcore.data import sample
from ftcore.events import drain
from ftcore.models import checkpoints, text_fit


def kinds(texts):
    found = drain(text_fit.examine(checkpoints.find("starter"), texts))
    return [finding.kind for finding in found]


def test_english_reviews_fit_the_starter_and_german_ones_do_not():
    texts, *_ = sample.generate(0, 200, 1)
    assert kinds(texts) == []
    assert kinds(["Diesen Film habe ich nicht verstanden"] * 50) == ["unknown-tokens"]
    assert kinds(texts + ["a long text " * 2000] * 50) == ["long-texts"]
