"""The best last layer on frozen features, computed instead of trained (Alain & Bengio 2016).

The linear probe is this layer, and LP-FT starts from it (Kumar et al. 2022). Its loss is convex, so only the
penalty has to be chosen, by validation loss.
"""

import math
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ftcore.errors import Diverged
from ftcore.events import Progress, Task, drain
from ftcore.models.classifier import Classifier
from ftcore.training import evaluation, objective
from ftcore.training.divergence import NO_NUMBER_AT_START
from ftcore.training.preparation import TrainingSetup
from ftcore.training.row_classifier import RowClassifier

PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # on the squared weights of a softmax
MAX_ITERATIONS = 400  # for each penalty
TOLERANCE = 1e-5  # largest slope at which a fit has converged
ABSENT = math.log(1e-9)  # score of a class without a training text; the highest score is 0 or more
LEAST_SPREAD = 1e-6  # of a feature


def fit_last_layer(setup: TrainingSetup, model: Classifier) -> Task[RowClassifier]:
    """Give a model of the setup the best last layer on all that lies below it.

    Returns the head over cached features, for the validation texts. Raises Diverged if the features are
    not finite.
    """
    heads = yield from evaluation.heads_over_features(setup, model)
    reading = heads[setup.config.reading]
    features = [
        head.inputs(rows.to(head.device), None)[0]
        for head, rows in (
            (heads[setup.config.truncation], setup.train_rows),
            (reading, setup.val_rows),
        )
    ]
    with torch.inference_mode():
        inputs = model.below_last_layer()(torch.cat(features)).cpu().double()
    inputs, mean, spread = standardized(inputs)
    train = len(setup.train_rows)
    labels = setup.train.labels.cpu()[torch.cat([setup.train_rows, setup.val_rows])]
    weight, bias = yield from layer_of_task(
        inputs[:train],
        labels[:train],
        inputs[train:],
        labels[train:],
        len(setup.dataset.labels),
        None if setup.class_weights is None else setup.class_weights.cpu().double(),
    )
    with torch.no_grad():
        model.last_layer.weight.copy_(weight / spread)
        model.last_layer.bias.copy_(bias - (weight * (mean / spread)).sum(1))
    return reading


def standardized(inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return inputs of mean 0 and spread 1, [texts, dim], with the mean and the spread of each feature.

    A fit has the same minimum on them, and reaches it sooner. Raises Diverged if a feature is not finite.
    """
    if not inputs.isfinite().all():
        raise Diverged(NO_NUMBER_AT_START)
    mean = inputs.mean(0)
    spread = inputs.std(0, correction=0).clamp(min=LEAST_SPREAD)
    return (inputs - mean) / spread, mean, spread


def layer_of_task(
    inputs: Tensor,
    labels: Tensor,
    val_inputs: Tensor,
    val_labels: Tensor,
    classes: int,
    class_weights: Tensor | None = None,
) -> Task[tuple[Tensor, Tensor]]:
    """Return `best_layer`, or where texts have several labels, for each its best layer of yes and no."""
    if not objective.several(labels):
        arguments = inputs, labels, val_inputs, val_labels, classes, class_weights
        return (yield from best_layer(*arguments))
    weights, biases = [], []
    for label in range(classes):
        yes, val_yes = labels[:, label].long(), val_labels[:, label].long()
        weight, bias = drain(best_layer(inputs, yes, val_inputs, val_yes, 2))
        # A softmax of two scores is a sigmoid of their difference.
        weights.append(weight[1] - weight[0])
        biases.append(bias[1] - bias[0])
        yield Progress("fitting", label + 1, classes, "labels")
    return torch.stack(weights), torch.stack(biases)


def best_layer(
    inputs: Tensor,
    labels: Tensor,
    val_inputs: Tensor,
    val_labels: Tensor,
    classes: int,
    class_weights: Tensor | None = None,
) -> Task[tuple[Tensor, Tensor]]:
    """Fit a softmax by L-BFGS for each penalty; return weight and bias of the least validation loss.

    inputs: float64 [texts, dim]; labels: int64 [texts]; class_weights: float64 [classes]. The result is
    float64 [classes, dim] and [classes].
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression  # takes a second to import
    from threadpoolctl import threadpool_limits

    present = labels.unique()
    best = torch.zeros(classes, inputs.shape[1], dtype=torch.double), _biases(classes, present)
    if len(present) == 1:  # which scikit-learn refuses
        return best
    least = math.inf
    by_class = None if class_weights is None else dict(enumerate(class_weights.tolist()))
    model = LogisticRegression(
        max_iter=MAX_ITERATIONS, tol=TOLERANCE, warm_start=True, class_weight=by_class
    )
    for done, penalty in enumerate(PENALTIES, start=1):
        # Two classes share one weight vector w, which in a softmax is -w/2 and w/2.
        model.C = 1 / (len(labels) * penalty * (1 if len(present) == 2 else 2))
        # Products this small are slower on several threads. The weakest penalties may reach
        # MAX_ITERATIONS on few texts; validation loss decides whether their layer is of use.
        with threadpool_limits(1, "blas"), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(inputs.numpy(), labels.numpy())
        layer = torch.zeros_like(best[0]), _biases(classes, present)
        for part, fitted in zip(layer, (model.coef_, model.intercept_), strict=True):
            rows = np.stack([-fitted[0] / 2, fitted[0] / 2]) if len(present) == 2 else fitted
            part[present] = torch.from_numpy(rows)
        loss = objective.of_part(F.linear(val_inputs, *layer), val_labels, class_weights).item()
        if loss < least:
            best, least = layer, loss
        yield Progress("fitting", done, len(PENALTIES), "fits")
    return best


def _biases(classes: int, present: Tensor) -> Tensor:
    """The biases before a fit, float64 [classes]: 0, and ABSENT for classes without a training text."""
    return torch.full((classes,), ABSENT, dtype=torch.double).index_fill_(0, present, 0.0)
