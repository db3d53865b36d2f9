"""Weights of classes: as they are written, and as scikit-learn computes them."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from ftcore import class_weights
from ftcore.config import FineTuneConfig
from ftcore.errors import UsageError


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("bad=5", {"bad": 5}),
        ("bad=5, good = .5,", {"bad": 5, "good": 0.5}),
        ("a, b=2,c=1e1", {"a, b": 2, "c": 10}),
        ("x=y=2,1=2=3,=4=5", {"x=y": 2, "1=2": 3, "=4": 5}),
        ('{"a=1, b": 2, " c": 3}', {"a=1, b": 2, " c": 3}),
    ],
)
def test_labels_may_hold_commas_and_equals_signs(text, weights):
    assert class_weights.parse(text) == weights
    assert FineTuneConfig(class_weights=text).class_weights == text.strip()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("heavy", "choose balanced, or give label=weight"),
        ("bad=much", "choose balanced, or give label=weight"),
        ("bad=1,bad=2", "'bad' twice"),
        ("bad=0", "class 'bad' is 0; choose from 1e-06 to 1,000,000"),
        ("bad=1e999", "is inf"),
        ('{"bad": "x"}', "no JSON object"),
        ('{"bad"', "no JSON object"),
        ('{"bad": NaN}', "is nan"),
    ],
)
def test_other_weights_are_one_sentence(text, words):
    with pytest.raises(UsageError, match=words):
        FineTuneConfig(class_weights=text)


def test_balanced_is_that_of_scikit_learn():
    labels = [0] * 70 + [1] * 20 + [2] * 10
    found = class_weights.values("balanced", ["a", "b", "c"], labels)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(found, expected)
    without_b = class_weights.values("balanced", ["a", "b", "c"], [0] * 30 + [2] * 10)
    np.testing.assert_allclose(without_b, [2 / 3, 1, 2])


def test_of_weights_by_hand_the_ratios_count():
    labels = [0] * 90 + [1] * 10
    weights = class_weights.values("b=9", ["a", "b"], labels)
    assert weights[1] / weights[0] == pytest.approx(9)
    assert weights[labels].mean() == pytest.approx(1)
    np.testing.assert_allclose(class_weights.values("a=2,b=18", ["a", "b"], labels), weights)
    assert class_weights.values("", ["a", "b"], labels) is None
    with pytest.raises(UsageError, match="'B', which is no class of this data; did you mean"):
        class_weights.values("B=2", ["a", "Bc"], labels)


def test_none_and_balanced_are_read_in_any_case():
    assert FineTuneConfig(class_weights="None") == FineTuneConfig()
    assert FineTuneConfig(class_weights="Balanced").class_weights == "balanced"
