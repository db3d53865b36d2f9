"""A reference line: the best linear head on the features of a frozen body (Alain & Bengio 2016)."""

import time
from dataclasses import replace
from pathlib import Path

import torch

from ftcore import answers as answering
from ftcore.baselines import reference
from ftcore.config import FineTuneConfig
from ftcore.events import Started, Task
from ftcore.modes import mode_defaults
from ftcore.training import evaluation, linear_head, objective, preparation


def measure(config: FineTuneConfig, output: Path | None = None) -> Task[None]:
    """Fit a linear head and evaluate it on the validation and test texts.

    Split, features and stored answers are those of the other modes. The last event is `Finished`. Raises
    UnfreezeError.
    """
    began = time.perf_counter()
    steps = mode_defaults("last-layer")  # a reference takes none
    last_layer = replace(
        config,
        mode="last-layer",
        watch="",
        minutes=0,
        steps=0,
        epochs=steps.epochs,
        learning_rate=steps.learning_rate,
        layer_decay=steps.layer_decay,
        batch_size=steps.batch_size,
    )
    setup = yield from preparation.prepare(last_layer, output or Path(), "")
    yield Started(
        preparation.facts(setup) | {"steps": 1, "steps_per_epoch": 1},
        (*setup.notes, "A reference line: the best last layer is computed, and no model is kept."),
    )
    clock = time.perf_counter()
    classifier = yield from linear_head.fit_last_layer(setup, setup.model)
    seconds = time.perf_counter() - clock
    scores = yield from classifier.predict(setup.val_rows, "evaluating")
    several = setup.dataset.multi_label
    truth = setup.train.labels.cpu()[setup.val_rows].numpy()
    probabilities = objective.probabilities(scores.double(), several).numpy()
    examples = len(setup.train_rows)
    weights = None if setup.class_weights is None else setup.class_weights.cpu().double().numpy()
    thresholds = answering.thresholds(truth, probabilities)
    validated = reference.evaluation(
        "val", probabilities, truth, thresholds, seconds, examples, weights
    )
    yield validated

    rows = torch.arange(len(setup.test))
    test = yield from evaluation.classifier_of_mode(
        setup, setup.model, setup.test, rows, setup.config.reading
    )
    scores = yield from test.predict(rows, "testing")
    probabilities = objective.probabilities(scores.double(), several).numpy()
    yield from reference.conclude(
        began,
        validated,
        setup.dataset,
        probabilities,
        thresholds,
        output,
        setup.best_by,
        weights,
        classifier.metrics,
    )
