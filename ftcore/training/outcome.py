"""What the test says of a run: its figures, and a sentence."""

import numpy as np

from ftcore import answers as answering, classification_metrics
from ftcore.training.best_measure import Measure


def figures(truth: np.ndarray, answers: np.ndarray, classes: int) -> dict[str, float]:
    """The metrics of the test in a run's record; see `ftcore.answers` for the labels of the texts."""
    by_class = classification_metrics.measure(truth, answers, classes)
    accuracy = float(answering.right(truth, answers).mean())
    figures = {"test_accuracy": accuracy, "macro_f1": by_class.macro_f1}
    if by_class.balanced_accuracy is not None:  # one label a text, so micro F1 is the accuracy
        return figures | {"balanced_accuracy": by_class.balanced_accuracy}
    return figures | {"micro_f1": by_class.micro_f1}


def sentence(figures: dict[str, float], texts: int, best_by: Measure) -> str:
    """The accuracy, and macro F1 where the best model is kept by it; of several labels, all figures."""
    if "micro_f1" in figures:
        return (
            f"{figures['test_accuracy']:.1%} of {texts:,} test texts have exactly the right labels, micro F1 "
            f"is {figures['micro_f1']:.1%}, and macro F1 is {figures['macro_f1']:.1%}."
        )
    also = f", and macro F1 is {figures['macro_f1']:.1%}" if best_by == "macro-f1" else ""
    return f"{figures['test_accuracy']:.1%} of {texts:,} test texts are right{also}."
