"""Sets of labels that hold the true one for a promised share of the texts of each class.

Split conformal prediction by class (Mondrian: Vovk et al. 2005) with one minus the probability of the label
as score: the least ambiguous sets of Sadinsky, Lei and Wasserman 2019. The promise holds for texts drawn as
those were that the thresholds come from.
"""

import math

import numpy as np


def least_texts(target: float) -> int:
    """How many texts of a class a promise takes: with fewer, only the set of all labels keeps it."""
    return math.ceil(round(target / (1 - target), 6))


def thresholds(probabilities: np.ndarray, truth: np.ndarray, target: float) -> np.ndarray:
    """The least probability of each label in a set, float64 [classes]; 0 for a class with too few texts.

    probabilities: [texts, classes] of texts that were not trained on; truth: int [texts].
    """
    found = np.zeros(probabilities.shape[1])
    for label in range(len(found)):
        own = np.sort(probabilities[truth == label, label])
        kept = math.ceil(
            round((len(own) + 1) * target, 6)
        )  # of the own texts, whose set has the label
        if kept <= len(own):
            found[label] = own[len(own) - kept]
    return found


def covered(sets: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Whether the set of each text has its label, bool [texts]; sets: bool [texts, classes]."""
    return sets[np.arange(len(truth)), truth]
