"""What a model is trained for: one label a text, by a softmax, or any number, by a sigmoid for each.

The form of the labels says which (see `ftcore.answers`), so that nothing else has to ask. A loss is
cross-entropy, by class weights if set. All reported losses are weighted alike, so that training and
validation can be compared, and the least validation loss is that of the model that the weights ask for.
"""

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from ftcore import answers as answering


def of_batch(scores: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Mean over a batch, or a part of it, of each text's loss times the weight of its class.

    Divided by the number of texts, as their weights average 1 over the training texts: a rare class would
    lose its weight in a batch that is divided by its own sum of weights.
    """
    if several(labels):
        return _of_each_label(scores, labels)
    if weights is None:
        return F.cross_entropy(scores, labels)
    return F.cross_entropy(scores, labels, weights, reduction="sum") / len(labels)


def of_part(scores: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Weighted mean over the texts of a split."""
    if several(labels):
        return _of_each_label(scores, labels)
    return F.cross_entropy(scores, labels, weights)


def right(scores: Tensor, labels: Tensor) -> Tensor:
    """Which texts of a training batch are answered right, bool [texts]; of several labels, at 0.5."""
    if several(labels):
        return ((scores >= 0) == labels).all(1)
    return scores.argmax(1) == labels


def several(labels: Tensor) -> bool:
    """Whether a text may have several labels."""
    return labels.dim() == 2


def classes(labels: Tensor) -> int:
    """Number of classes that occur."""
    return int(labels.any(0).sum()) if several(labels) else len(labels.unique())


def probabilities(scores: Tensor, several: bool) -> Tensor:
    """Of each class [texts, classes]; they sum to 1 only where a text has one label."""
    return scores.sigmoid() if several else scores.softmax(1)


def thresholds(scores: Tensor, labels: Tensor) -> tuple[float, ...]:
    """The best threshold of each label; see `answers.thresholds`. Both are on the CPU."""
    if not several(labels):
        return ()
    return answering.thresholds(labels.numpy(), probabilities(scores, True).numpy())


def answers(scores: Tensor, thresholds: tuple[float, ...]) -> np.ndarray:
    """The answers to texts, in the form of labels; scores [texts, classes] are on the CPU."""
    if not thresholds:
        return scores.argmax(1).numpy()
    return answering.of(probabilities(scores, True).numpy(), thresholds)


def _of_each_label(scores: Tensor, labels: Tensor) -> Tensor:
    """Mean binary cross-entropy over texts and labels."""
    return F.binary_cross_entropy_with_logits(scores, labels.to(scores.dtype))
