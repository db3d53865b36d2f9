"""The loss that a run minimises, and the same loss of an evaluation: cross-entropy, by class weights if set.

All reported losses are weighted alike, so that training and validation can be compared, and the least
validation loss is that of the model that the weights ask for.
"""

import torch.nn.functional as F
from torch import Tensor


def of_batch(scores: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Mean over a batch, or a part of it, of each text's loss times the weight of its class.

    Divided by the number of texts, as their weights average 1 over the training texts: a rare class would
    lose its weight in a batch that is divided by its own sum of weights.
    """
    if weights is None:
        return F.cross_entropy(scores, labels)
    return F.cross_entropy(scores, labels, weights, reduction="sum") / len(labels)


def of_part(scores: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Weighted mean over the texts of a split."""
    return F.cross_entropy(scores, labels, weights)
