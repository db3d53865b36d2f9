"""Uncertainty of macro F1, which is no mean over texts: the test texts are drawn again (Efron 1979)."""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from ftcore.classification_metrics import measure
from ftcore.statistics import Interval

RESAMPLES = 1_000


def interval(
    truth: np.ndarray,
    classes: int,
    answers: Sequence[np.ndarray],
    others: Sequence[np.ndarray] = (),
) -> Interval:
    """95% interval of the mean macro F1 of `answers`, less that of `others`, for other test texts.

    answers, others: those of some runs to the same texts; see `ftcore.answers`.
    """
    runs = [*answers, *others]
    shares = [1 / len(answers)] * len(answers) + [-1 / len(others) for _ in others]
    cells, counts = _cells(np.stack([truth, *runs]), classes)
    # Texts of each cell, by resample.
    drawn = np.random.default_rng(0).multinomial(len(truth), counts / len(truth), RESAMPLES)
    resampled = np.zeros(RESAMPLES)
    for share, answered in zip(shares, cells[1:], strict=True):
        resampled += share * weighted(cells[0], answered, classes, drawn.astype(np.float64))
    middle = sum(
        share * measure(truth, answered, classes).macro_f1
        for share, answered in zip(shares, runs, strict=True)
    )
    low, high = np.quantile(resampled - resampled.mean(), (0.025, 0.975))
    return float(middle + low), float(middle + high)


def weighted(
    truth: np.ndarray, answered: np.ndarray, classes: int, weights: np.ndarray
) -> np.ndarray:
    """Macro F1 if each text counts as often as its weight, float64 [resamples].

    truth, answered: see `ftcore.answers`; weights: [resamples, texts].
    """
    has, said = _one_hot(truth, classes), _one_hot(answered, classes)
    right = has.multiply(said) @ weights.T
    texts = (has + said) @ weights.T
    by_class = 2 * right / np.maximum(texts, 1)
    return by_class.sum(0) / (texts > 0).sum(0)


def _cells(labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The different texts among labels [runs, texts] or [runs, texts, classes], and how often each occurs."""
    codes = np.zeros(labels.shape[1], np.int64)
    if labels.ndim == 3:
        by_text = np.packbits(labels.swapaxes(0, 1).reshape(len(codes), -1), axis=1)
        _, first, counts = np.unique(by_text, axis=0, return_index=True, return_counts=True)
        return labels[:, first], counts
    for row in labels:
        _, codes = np.unique(codes * classes + row, return_inverse=True)
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    return labels[:, first], counts


def _one_hot(labels: np.ndarray, classes: int) -> sparse.csr_matrix:
    """1 at each label, [classes, cells]."""
    if labels.ndim == 2:
        return sparse.csr_matrix(labels.T.astype(float))
    ones = np.ones(len(labels))
    return sparse.csr_matrix((ones, (labels, np.arange(len(labels)))), (classes, len(labels)))
