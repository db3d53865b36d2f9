"""What the test says of a run: its figures, and a sentence."""

import numpy as np

from ftcore import classification_metrics
from ftcore.training.best_measure import Measure


def figures(truth: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """The metrics of the test in a run's record. truth: int [texts]; scores: [texts, classes]."""
    answers = scores.argmax(1)
    by_class = classification_metrics.measure(truth, answers, scores.shape[1])
    return {
        "test_accuracy": float((answers == truth).mean()),
        "macro_f1": by_class.macro_f1,
        "balanced_accuracy": by_class.balanced_accuracy,
    }


def sentence(figures: dict[str, float], texts: int, best_by: Measure) -> str:
    """The accuracy, and macro F1 where the best model is kept by it."""
    also = f", and macro F1 is {figures['macro_f1']:.1%}" if best_by == "macro-f1" else ""
    return f"{figures['test_accuracy']:.1%} of {texts:,} test texts are right{also}."
