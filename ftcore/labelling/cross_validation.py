"""Out-of-fold probabilities: every text is judged by a last layer that was fitted on the other folds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ftcore.data.findings import copies
from ftcore.events import Progress, Task
from ftcore.training import linear_head, objective

FOLDS = 5


def probabilities(
    vectors: np.ndarray, labels: np.ndarray, folds: np.ndarray, classes: int
) -> Task[np.ndarray]:
    """Return out-of-fold probabilities, float64 [texts, classes].

    vectors: [texts, dim], of a frozen body; labels: see `ftcore.answers`; folds: int64 [texts], from 0. Each
    fold chooses the penalty of its layer on its own texts, as the linear probe does on validation texts: one
    of six values, which leaks next to nothing of a label. Raises Diverged if a vector is not finite.
    """
    inputs, _, _ = linear_head.standardized(torch.from_numpy(vectors).double())
    truth = torch.from_numpy(labels)
    result = torch.zeros(len(labels), classes, dtype=torch.double)
    numbers = np.unique(folds).tolist()
    for done, fold in enumerate(numbers):
        held_out = torch.from_numpy(folds == fold)
        task = linear_head.layer_of_task(
            inputs[~held_out], truth[~held_out], inputs[held_out], truth[held_out], classes
        )
        weight, bias = yield from _as_part(task, done, len(numbers))
        scores = F.linear(inputs[held_out], weight, bias)
        result[held_out] = objective.probabilities(scores, objective.several(truth))
    return result.numpy()


def folds(texts: Sequence[str], labels: np.ndarray, seed: int = 0) -> Task[np.ndarray]:
    """Return a fold for each text, int64 [texts], by seed: the classes are spread evenly.

    Copies of a text share a fold, as the label of one would give away that of the other.
    """
    keys = yield from copies.keys(texts)
    _, first, of_text = np.unique(keys, return_index=True, return_inverse=True)
    _, classes = np.unique(labels[first], axis=0, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(len(first))
    order = shuffled[np.argsort(classes[shuffled], kind="stable")]
    of_unit = np.empty(len(first), np.int64)
    of_unit[order] = np.arange(len(first)) % FOLDS
    return of_unit[of_text]


def _as_part(
    task: Task[tuple[Tensor, Tensor]], number: int, parts: int
) -> Task[tuple[Tensor, Tensor]]:
    """A task whose progress is that of one of several equal parts."""
    while True:
        try:
            event = next(task)
        except StopIteration as end:
            return end.value
        if isinstance(event, Progress) and event.total:
            done = number * event.total + event.done
            event = replace(event, done=done, total=parts * event.total)
        yield event
