"""The measure by which the best model of a run is kept."""

from typing import Literal

import numpy as np

from ftcore.data.text_dataset import TextDataset
from ftcore.events import Evaluation
from ftcore.formatting import few_names

Measure = Literal["accuracy", "macro-f1", "loss"]
RARE = 0.1  # share of the training texts below which accuracy says little of a class


def choose(
    best_by: Literal["auto", "accuracy", "macro-f1", "loss"], dataset: TextDataset
) -> tuple[Measure, list[str]]:
    """The measure of a run, and the notes on it.

    auto: macro F1 if a text may have several labels, or a class has less than a tenth of the data's training
    texts, else accuracy. The whole training part decides, so that all runs on the same data have the same
    measure.
    """
    if best_by != "auto":
        return best_by, []
    if dataset.multi_label:
        return "macro-f1", [
            "A text may have several labels, so the best model is the one with the highest macro F1, in "
            "which every label counts alike."
        ]
    counts = dataset.train.counts(len(dataset.labels))
    rare = [
        dataset.labels[number]
        for number in np.flatnonzero(counts < RARE * len(dataset.train.texts))
    ]
    if not rare:
        return "accuracy", []
    classes = f"Class {rare[0]} has" if len(rare) == 1 else f"Classes {few_names(rare)} have"
    each = "" if len(rare) == 1 else " each"
    return "macro-f1", [
        f"{classes} less than a tenth of the training texts{each}, so the best model is the one with "
        "the highest macro F1, in which every class counts alike."
    ]


def rank(result: Evaluation, measure: Measure) -> tuple[float, float]:
    """The better of two evaluations has the higher rank: by the measure, then by loss."""
    if measure == "loss":
        return -result.loss, result.accuracy
    if measure == "macro-f1":
        assert result.macro_f1 is not None  # every evaluation of this version has it
        return result.macro_f1, -result.loss
    return result.accuracy, -result.loss
