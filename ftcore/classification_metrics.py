"""Figures of each class and their means, by the definitions of scikit-learn.

A share whose denominator is 0 counts as 0, such as the precision of a class that is never answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ClassMetrics:
    """Precision, recall and F1 of each class, float64 [classes], and its number of texts, int64 [classes]."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    macro_f1: float
    """Mean F1 of the classes that occur among the texts or the answers."""
    balanced_accuracy: float | None
    """Mean recall of the classes that have texts; None where a text may have several labels."""
    micro_f1: float
    """F1 of all labels of all texts together; the accuracy where a text has one label."""

    def by_label(self, labels: Sequence[str]) -> list[dict[str, Any]]:
        """The figures of each class, as JSON values."""
        return [
            {
                "label": label,
                "precision": float(self.precision[number]),
                "recall": float(self.recall[number]),
                "f1": float(self.f1[number]),
                "support": int(self.support[number]),
            }
            for number, label in enumerate(labels)
        ]


def measure(truth: np.ndarray, answers: np.ndarray, classes: int) -> ClassMetrics:
    """Compare the answers to some texts with their true labels; see `ftcore.answers` for both."""
    if truth.ndim == 2:
        support, answered, right = (part.sum(0) for part in (truth, answers, truth & answers))
    else:
        support = np.bincount(truth, minlength=classes)
        answered = np.bincount(answers, minlength=classes)
        right = np.bincount(truth[truth == answers], minlength=classes)
    f1 = shares(2 * right, support + answered)
    recall = shares(right, support)
    occurs = support + answered > 0
    balanced = float(recall[support > 0].mean()) if support.any() else 0.0
    return ClassMetrics(
        shares(right, answered),
        recall,
        f1,
        support,
        float(f1[occurs].mean()) if occurs.any() else 0.0,
        balanced if truth.ndim == 1 else None,
        float(shares(2 * right.sum(), support.sum() + answered.sum())),
    )


def shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part` of `whole`, 0 where `whole` is 0."""
    return part / np.maximum(whole, 1)
