"""Figures by class, against scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn import metrics

from ftcore.classification_metrics import measure


@pytest.mark.filterwarnings("ignore:y_pred contains classes", "ignore:A single label")
@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 10**6))
def test_figures_are_those_of_scikit_learn(classes, texts, seed):
    """Few texts, so that a class often lacks texts, answers or both."""
    truth, answers = np.random.default_rng(seed).integers(classes, size=(2, texts))
    found = measure(truth, answers, classes)
    labels, zero = list(range(classes)), {"zero_division": 0.0}
    expected = metrics.precision_recall_fscore_support(truth, answers, labels=labels, **zero)
    for mine, theirs in zip(
        (found.precision, found.recall, found.f1, found.support), expected, strict=True
    ):
        np.testing.assert_allclose(mine, theirs)
    assert found.macro_f1 == pytest.approx(
        metrics.f1_score(truth, answers, average="macro", **zero)
    )
    assert found.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(truth, answers))


def test_a_class_without_texts_counts_as_0_if_it_is_answered_and_else_not_at_all():
    truth = np.array([0, 0, 1, 1])
    assert measure(truth, truth, 3).macro_f1 == 1
    assert measure(truth, np.array([0, 0, 1, 2]), 3).macro_f1 == pytest.approx((1 + 2 / 3 + 0) / 3)
    row = measure(truth, truth, 3).by_label(["a", "b", "c"])[2]
    assert row == {"label": "c", "precision": 0, "recall": 0, "f1": 0, "support": 0}
