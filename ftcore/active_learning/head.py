"""A linear head on frozen vectors, fitted to a few labels within milliseconds."""

from dataclasses import dataclass

import numpy as np

STRENGTH = 10.0
"""Inverse of the penalty of vectors of length one. Fixed, as there are no labels to choose it by."""


@dataclass(frozen=True)
class Scale:
    """Gives every feature the mean 0 and the same spread, and a vector a length of about one."""

    mean: np.ndarray
    factor: np.ndarray

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        return (vectors - self.mean) * self.factor


def scale_of(vectors: np.ndarray) -> Scale:
    """The scale of vectors, fp32 [texts, dim]."""
    spread = np.maximum(vectors.std(0), 1e-6)
    return Scale(vectors.mean(0), (1 / (spread * np.sqrt(vectors.shape[1]))).astype(np.float32))


@dataclass(frozen=True)
class Head:
    """Tells classes apart by a linear function of vectors.

    classes: int64, the numbers of those that it has seen. weight: [classes, dim], bias: [classes].
    """

    classes: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities of the classes that were seen, fp32 [texts, classes], for scaled vectors."""
        scores = vectors @ self.weight.T + self.bias
        scores -= scores.max(1, keepdims=True)
        shares = np.exp(scores, out=scores)
        return shares / shares.sum(1, keepdims=True)

    def answers(self, vectors: np.ndarray) -> np.ndarray:
        """The likeliest class of each text, int64 [texts]."""
        return self.classes[(vectors @ self.weight.T + self.bias).argmax(1)]

    def doubt(self, vectors: np.ndarray) -> np.ndarray:
        """How unsure the head is of each text, 0 to 1: 1 less the lead of the likeliest class over the next.

        Margin sampling (Scheffer, Decomain & Wrobel 2001).
        """
        top = np.partition(self.probabilities(vectors), -2, axis=1)[:, -2:]
        return 1 - (top[:, 1] - top[:, 0])


def fit(vectors: np.ndarray, labels: np.ndarray) -> Head | None:
    """Fit a head to scaled vectors [texts, dim] and labels, int64 [texts]; None for less than two classes."""
    from sklearn.linear_model import LogisticRegression  # takes a second to import
    from threadpoolctl import threadpool_limits

    classes = np.unique(labels)
    if len(classes) < 2:
        return None
    with threadpool_limits(1, "blas"):  # products this small are slower on several threads
        model = LogisticRegression(C=STRENGTH, max_iter=200, tol=1e-3).fit(vectors, labels)
    weight, bias = model.coef_, model.intercept_
    if len(classes) == 2:  # one weight vector w, which in a softmax is -w/2 and w/2
        weight, bias = np.stack([-weight[0], weight[0]]) / 2, np.array([-bias[0], bias[0]]) / 2
    return Head(classes, weight.astype(np.float32), bias.astype(np.float32))
