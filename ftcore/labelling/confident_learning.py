"""Which labels are likely to be wrong: confident learning (Northcutt, Jiang & Chuang 2021, JAIR 70).

Probabilities come from models that have not seen the text they judge, see `cross_validation`. A text counts
as confidently of another class if that class is at least as likely as it is, on average, for texts labelled
so: the confident joint of the paper. A text of several labels is judged label by label.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Judgement:
    """What a model says of the labels of texts; `suggested` has the form of labels, see `ftcore.answers`."""

    suggested: np.ndarray
    """The model's answers: int64 [texts], or bool [texts, classes] where a text may have several labels."""
    margins: np.ndarray
    """How much likelier the answer is than the label, float64 [texts], -1 to 1; above 0 where they differ.
    Of several labels, that of the worst."""
    confident: np.ndarray
    """Whether the text counts as mislabelled by confident learning, bool [texts]."""


def judge(labels: np.ndarray, probabilities: np.ndarray) -> Judgement:
    """Judge labels by out-of-fold probabilities [texts, classes]; see `ftcore.answers` for the labels."""
    if labels.ndim == 1:
        margins = _of_others(labels, probabilities) - _of_labels(labels, probabilities)
        return Judgement(probabilities.argmax(1), margins, _confident(labels, probabilities))
    margins = np.where(labels, 1 - 2 * probabilities, 2 * probabilities - 1)
    confident = [
        _confident(labels[:, label].astype(np.int64), np.stack([1 - share, share], 1))
        for label, share in enumerate(probabilities.T)
    ]
    return Judgement(labels ^ (margins > 0), margins.max(1), np.any(confident, axis=0))


def _confident(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Which texts lie off the diagonal of the confident joint, where the label is not the likeliest."""
    thresholds = np.full(probabilities.shape[1], np.inf)  # of a class without a text
    for label in np.unique(labels):
        thresholds[label] = probabilities[labels == label, label].mean()
    above = probabilities >= thresholds
    likeliest = np.where(above, probabilities, -1.0).argmax(1)
    off_diagonal = above.any(1) & (likeliest != labels)
    return off_diagonal & (_of_others(labels, probabilities) > _of_labels(labels, probabilities))


def _of_labels(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    return probabilities[np.arange(len(labels)), labels]


def _of_others(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The probability of the likeliest other class [texts]."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -1.0
    return others.max(1)
