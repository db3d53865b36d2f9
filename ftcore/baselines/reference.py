"""What all reference lines share: the same split as a training, evaluations, stored answers."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ftcore import answers as answering, class_weights, classification_metrics
from ftcore.config import FineTuneConfig
from ftcore.data import datasets, split_notes, test_part
from ftcore.data.text_dataset import TextDataset
from ftcore.diagnostics import results
from ftcore.diagnostics.results import Diagnostics
from ftcore.events import Evaluation, Facts, Finished, Progress, Started, Task
from ftcore.training import best_measure, outcome
from ftcore.training.best_measure import Measure

Scorer = Callable[[Sequence[str]], np.ndarray]
"""Texts → probabilities [texts, classes]."""


def measure(
    config: FineTuneConfig,
    output: Path | None,
    fit: Callable[[TextDataset, Sequence[int], np.ndarray | None], Scorer],
    facts: Facts,
) -> Task[None]:
    """Fit a scorer of texts and evaluate it on the validation and test texts; `facts` go into the record.

    `fit` takes the dataset, its rows to learn from, and the weight of each class, if there are any.

    It sees the same split as a training with these settings and leaves its answers, but no checkpoint, in
    the folder `output`. The last event is `Finished`. Raises UnfreezeError if the data cannot be used.
    """
    began = time.perf_counter()
    dataset = yield from datasets.load(config.dataset, config.source)
    dataset = test_part.reduced(dataset, config.test_limit)
    train_rows, val_rows = datasets.split(dataset, config.seed, config.limit)
    learned, validation = dataset.train.at(train_rows), dataset.train.at(val_rows)
    weights = class_weights.values(config.class_weights, dataset.labels, learned.labels)
    best_by, _ = best_measure.choose(config.best_by, dataset)
    yield Started(
        {
            "dataset_fingerprint": dataset.fingerprint,
            "split_fingerprint": datasets.split_fingerprint(dataset, train_rows, val_rows),
            "data_from": dataset.source,
            "labels": list(dataset.labels),
            "several_labels": dataset.multi_label,
            "train_texts": len(train_rows),
            "train_classes": int(np.count_nonzero(learned.counts(len(dataset.labels)))),
            "val_texts": len(val_rows),
            "test_texts": len(dataset.test.texts),
            "steps": 1,
            "best_by": best_by,
            **facts,
        },
        (
            *dataset.reading.notes,
            *split_notes.notes(dataset, train_rows, val_rows),
            *([] if weights is None else [class_weights.note(weights, dataset.labels)]),
            "A reference line: no network is trained, and no model is kept.",
        ),
    )
    yield Progress("training", 0, None)
    clock = time.perf_counter()
    scorer = fit(dataset, train_rows, weights)
    seconds = time.perf_counter() - clock

    yield Progress("evaluating", 0, len(val_rows), "texts")
    probabilities, truth = scorer(validation.texts), dataset.truth(validation)
    thresholds = answering.thresholds(truth, probabilities)
    examples = len(train_rows)
    validated = evaluation("val", probabilities, truth, thresholds, seconds, examples, weights)
    yield validated
    yield Progress("testing", 0, len(dataset.test.texts), "texts")
    probabilities = scorer(dataset.test.texts)
    yield from conclude(
        began, validated, dataset, probabilities, thresholds, output, best_by, weights
    )


def predict(model: Any, features: Any, classes: int) -> np.ndarray:
    """Probabilities [texts, classes] of a scikit-learn model, 0 for classes without a training text."""
    probabilities = np.zeros((features.shape[0], classes))
    probabilities[:, model.classes_] = model.predict_proba(features)
    return probabilities


def evaluation(
    split: Literal["val", "test"],
    probabilities: np.ndarray,
    truth: np.ndarray,
    thresholds: tuple[float, ...],
    seconds: float,
    examples: int,
    weights: np.ndarray | None = None,
) -> Evaluation:
    """Evaluate probabilities [texts, classes], from a fit of `seconds` to `examples` texts.

    The loss is weighted by class as those of a training are, also where the fit knows no weights.
    """
    if thresholds:
        of_truth, of_class = np.where(truth, probabilities, 1 - probabilities), None
    else:
        of_truth = probabilities[np.arange(len(truth)), truth]
        of_class = None if weights is None else weights[truth]
    loss = np.average(-np.log(of_truth.clip(min=1e-9)), weights=of_class)
    answers = answering.of(probabilities, thresholds)
    accuracy = answering.right(truth, answers).mean()
    f1 = classification_metrics.measure(truth, answers, probabilities.shape[1]).macro_f1
    return Evaluation(split, 0, 0.0, seconds, examples, float(loss), float(accuracy), f1)


def conclude(
    began: float,
    validated: Evaluation,
    dataset: TextDataset,
    probabilities: np.ndarray,
    thresholds: tuple[float, ...],
    output: Path | None,
    best_by: Measure,
    weights: np.ndarray | None = None,
    metrics: Mapping[str, float] | None = None,
) -> Task[None]:
    """Evaluate probabilities [texts, classes] of the test texts; store them in `output`, if given.

    began: `perf_counter` at the start.
    """
    truth = dataset.truth(dataset.test)
    seconds, examples = validated.seconds, validated.examples
    yield evaluation("test", probabilities, truth, thresholds, seconds, examples, weights)
    test = outcome.figures(truth, answering.of(probabilities, thresholds), len(dataset.labels))
    message = outcome.sentence(test, len(truth), best_by)
    if output is not None:
        answers = Diagnostics(
            dataset.labels, truth, probabilities.astype(np.float32), thresholds=thresholds
        )
        message += results.store(output, dataset, answers)
    figures = {
        "seconds": time.perf_counter() - began,
        "train_seconds": validated.seconds,
        "val_accuracy": validated.accuracy,
        **({} if validated.macro_f1 is None else {"val_macro_f1": validated.macro_f1}),
    }
    yield Finished("finished", message, figures | test | dict(metrics or {}))
