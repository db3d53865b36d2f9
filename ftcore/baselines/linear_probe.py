"""A reference line: the best linear head on the features of a frozen body (Alain & Bengio 2016)."""

import copy
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ftcore.baselines import reference
from ftcore.config import FineTuneConfig
from ftcore.events import Progress, Started, Task
from ftcore.modes import mode_defaults
from ftcore.training import evaluation, preparation
from ftcore.training.row_classifier import RowClassifier

Probe = Callable[[np.ndarray], np.ndarray]
"""Features [texts, dim] → probabilities [texts, classes]."""
PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # on the squared weights of a softmax
MAX_ITERATIONS = 400  # for each penalty
TOLERANCE = 1e-5  # largest slope at which a fit has converged


def measure(config: FineTuneConfig, output: Path | None = None) -> Task[None]:
    """Fit a linear head and evaluate it on the validation and test texts.

    Its loss is convex, so only the penalty has to be chosen, by validation loss. Split, features and
    stored answers are those of the other modes. The last event is `Finished`. Raises UnfreezeError.
    """
    began = time.perf_counter()
    settings = vars(mode_defaults("last-layer"))  # a reference has none of these
    last_layer = replace(config, mode="last-layer", watch="", **settings)
    setup = yield from preparation.prepare(last_layer, output or Path(), "")
    yield Started(
        preparation.facts(setup) | {"steps": 1, "steps_per_epoch": 1},
        (*setup.notes, "A reference line: the best last layer is computed, and no model is kept."),
    )
    clock = time.perf_counter()
    rows, train = torch.cat([setup.train_rows, setup.val_rows]), len(setup.train_rows)
    classifier = yield from evaluation.classifier_of_mode(setup, setup.model, setup.train, rows)
    features, labels = _features(classifier, rows), classifier.labels.cpu().numpy()[rows]
    mean, spread = features.mean(0), features.std(0).clip(min=1e-6)
    features = (features - mean) / spread  # has the same minimum, which is reached sooner
    classes = len(setup.dataset.labels)
    val_features, val_labels = features[train:], labels[train:]
    probe = yield from fit(features[:train], labels[:train], val_features, val_labels, classes)
    seconds = time.perf_counter() - clock
    validated = reference.evaluation("val", probe(val_features), val_labels, seconds, train)
    yield validated

    rows = torch.arange(len(setup.test))
    test = yield from evaluation.classifier_of_mode(setup, setup.model, setup.test, rows)
    probabilities = probe((_features(test, rows) - mean) / spread)
    yield from reference.conclude(
        began, validated, setup.dataset, probabilities, output, classifier.metrics
    )


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    val_features: np.ndarray,
    val_labels: np.ndarray,
    classes: int,
) -> Task[Probe]:
    """Fit a head by L-BFGS for each penalty; return the one with the smallest validation loss."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression  # takes a second to import
    from threadpoolctl import threadpool_limits

    present = np.unique(labels)
    if len(present) == 1:  # which scikit-learn refuses
        return lambda features: np.tile(np.eye(classes)[present[0]], (len(features), 1))
    model = LogisticRegression(max_iter=MAX_ITERATIONS, tol=TOLERANCE, warm_start=True)
    best, best_loss = model, float("inf")
    for done, penalty in enumerate(PENALTIES, start=1):
        # Two classes share one weight vector w, which in a softmax is w/2 and -w/2.
        model.C = 1 / (len(labels) * penalty * (1 if len(present) == 2 else 2))
        # Products this small are slower on several threads. The weakest penalties may reach
        # MAX_ITERATIONS on few texts; validation loss decides whether their head is of use.
        with threadpool_limits(1, "blas"), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(features, labels)
        probabilities = reference.predict(model, val_features, classes)
        loss = reference.evaluation("val", probabilities, val_labels, 0.0, 0).loss
        if loss < best_loss:
            best, best_loss = copy.deepcopy(model), loss
        yield Progress("training", done, len(PENALTIES), "fits")
    return lambda features: reference.predict(best, features, classes)


def _features(classifier: RowClassifier, rows: Tensor) -> np.ndarray:
    """The features that a head over cached features reads, float64 [rows, dim]."""
    [features] = classifier.inputs(rows.to(classifier.device), None)
    return features.cpu().double().numpy()
