"""Temperature scaling, and how far probabilities are from the share of right answers.

Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 15
"""Of equal width, as Guo et al. measure with."""
LOWEST, HIGHEST = 0.01, 100.0  # temperatures that the fit chooses from


def probabilities(scores: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Softmax of scores [texts, classes] at a temperature, float64."""
    divided = scores.astype(np.float64) / temperature
    powers = np.exp(divided - divided.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def scores(probabilities: np.ndarray) -> np.ndarray:
    """Scores with these probabilities [texts, classes]: the model's, but for a constant of each text."""
    return np.log(probabilities.astype(np.float64).clip(min=1e-30))


def fit(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the temperature with the least cross-entropy; scores [texts, classes], truth int [texts].

    1.0 if every answer is right, as the least one would be 0.
    """
    from scipy.optimize import minimize_scalar

    if (scores.argmax(1) == truth).all():
        return 1.0
    rows = np.arange(len(truth))

    def cross_entropy(log_temperature: float) -> float:
        divided = scores.astype(np.float64) / np.exp(log_temperature)
        divided -= divided.max(1, keepdims=True)
        return float((np.log(np.exp(divided).sum(1)) - divided[rows, truth]).mean())

    bounds = np.log(LOWEST), np.log(HIGHEST)
    return float(np.exp(minimize_scalar(cross_entropy, bounds=bounds, method="bounded").x))


@dataclass(frozen=True)
class Bin:
    """The texts whose answer, the most probable label, has a probability above `low` and up to `high`."""

    low: float
    high: float
    texts: int
    confidence: float
    """Mean probability of the answers."""
    accuracy: float


def reliability(probabilities: np.ndarray, truth: np.ndarray) -> list[Bin]:
    """The reliability diagram: accuracy by the probability of the answer, of `BINS` bins those with texts."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    numbers = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    bins = []
    for number in np.unique(numbers).tolist():
        inside = numbers == number
        means = float(confidence[inside].mean()), float(right[inside].mean())
        bins.append(Bin(number / BINS, (number + 1) / BINS, int(inside.sum()), *means))
    return bins


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance of accuracy and confidence, weighted by texts (Naeini et al. 2015)."""
    texts = sum(each.texts for each in bins)
    return sum(each.texts * abs(each.accuracy - each.confidence) for each in bins) / texts
