"""A reference line: the majority class of the training texts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ftcore.baselines import reference
from ftcore.config import FineTuneConfig
from ftcore.data.text_dataset import TextDataset
from ftcore.events import Task


def measure(config: FineTuneConfig, output: Path | None = None) -> Task[None]:
    """Measure the majority class; see `reference.measure`."""
    trains = "Always says the class that most training texts have."
    return reference.measure(config, output, fit, {"trains": trains})


def fit(
    dataset: TextDataset, rows: Sequence[int], weights: np.ndarray | None = None
) -> reference.Scorer:
    """Score each class by its share of the training texts; weights change nothing.

    Where a text has several labels, those that most training texts have.
    """
    shares = dataset.train.at(rows).counts(len(dataset.labels)) / len(rows)
    return lambda texts: np.tile(shares, (len(texts), 1))
