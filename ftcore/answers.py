"""From probabilities to answers: the likeliest class of a text, or every label above its threshold.

Labels, true or answered, have one of two forms everywhere. Where a text has one label: its class, int
[texts]. Where it may have several or none: whether it has each, bool [texts, classes]; only there are
thresholds.
"""

from collections.abc import Sequence

import numpy as np

NO_LABEL = "no label"  # the name of an empty set of labels
EVEN = 0.5  # threshold of a label that validation says nothing of
CLOSE_ODDS = 1.5
"""Odds within this factor of a threshold's are close to it: from 40 to 60% at 50%, from 7 to 14% at 10%."""
CLOSE = f"a label's odds are within a factor of {CLOSE_ODDS:g} of its threshold's"


def of(probabilities: np.ndarray, thresholds: Sequence[float] = ()) -> np.ndarray:
    """The answers to texts, by their probabilities [texts, classes] and the threshold of each class."""
    if not thresholds:
        return probabilities.argmax(1)
    return probabilities.astype(np.float64) >= np.array(thresholds)


def listed(answers: np.ndarray) -> list[list[int]]:
    """The classes that each text is said to have, ascending."""
    if answers.ndim == 1:
        return [[answer] for answer in answers.tolist()]
    return [np.flatnonzero(row).tolist() for row in answers]


def names(answers: np.ndarray, labels: Sequence[str]) -> list[str]:
    """What each text is said to have, in words."""
    return [", ".join(labels[label] for label in each) or NO_LABEL for each in listed(answers)]


def right(truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Which texts are answered right, bool [texts]: of several labels, all and no others."""
    same = truth == answers
    return same if same.ndim == 1 else same.all(1)


def confidence(probabilities: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """The probability of each text's whole answer [texts]; of several labels, as if they were independent."""
    if answers.ndim == 1:
        return probabilities.max(1)
    return np.where(answers, probabilities, 1 - probabilities).prod(1)


def distances(probabilities: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """By what factor the odds of a label must change at least for another answer [texts], as logarithms.

    Odds, as points would not do: a rare label has a threshold of a few percent, which is close to 0.
    """
    return np.abs(_log_odds(probabilities) - _log_odds(np.array(thresholds))).min(1)


def not_sure(probabilities: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Which answers of several labels have a label close to its threshold, bool [texts]."""
    return distances(probabilities, thresholds) < np.log(CLOSE_ODDS)


def _log_odds(probabilities: np.ndarray) -> np.ndarray:
    inside = np.clip(probabilities.astype(np.float64), 1e-9, 1 - 1e-9)
    return np.log(inside) - np.log1p(-inside)


def thresholds(truth: np.ndarray, probabilities: np.ndarray) -> tuple[float, ...]:
    """The threshold of each label with the highest F1 on these texts; none where a text has one label.

    truth: bool [texts, classes]; probabilities: [texts, classes]. Of equally good thresholds, that nearest to
    0.5. After Lipton et al. 2014; on few texts it is the choice of few.
    """
    if truth.ndim == 1:
        return ()
    return tuple(
        _threshold(truth[:, label], probabilities[:, label].astype(np.float64))
        for label in range(truth.shape[1])
    )


def _threshold(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Of one label: 0.5, or the middle between two neighbouring probabilities if that is better."""
    values = np.unique(probabilities)
    candidates = np.append((values[:-1] + values[1:]) / 2, EVEN)
    # How many texts each leaves below it, in all and of the label.
    below = np.searchsorted(np.sort(probabilities), candidates)
    missed = np.searchsorted(np.sort(probabilities[truth]), candidates)
    answered, found = len(truth) - below, truth.sum() - missed
    f1 = 2 * found / np.maximum(answered + truth.sum(), 1)
    best = np.flatnonzero(f1 == f1.max())
    return float(candidates[best[np.abs(candidates[best] - EVEN).argmin()]])
