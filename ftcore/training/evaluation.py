"""Evaluations during and after training, and the checkpoint of the best one."""

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from ftcore import answers as answering, classification_metrics
from ftcore.events import Evaluation, Saved, Task, Watched
from ftcore.models import checkpoint_files
from ftcore.models.classifier import Classifier
from ftcore.text.batches import Tokens
from ftcore.text.lengths import TextLengths
from ftcore.text.truncation import Truncation
from ftcore.training import (
    best_measure,
    cached_features,
    distributed,
    objective,
    preparation,
    row_classifier,
    strategies,
)
from ftcore.training.divergence import check_finite
from ftcore.training.preparation import TrainingSetup
from ftcore.training.row_classifier import RowClassifier
from ftcore.training.state import TrainingState


def classifiers(setup: TrainingSetup, model: Classifier) -> Task[dict[Truncation, RowClassifier]]:
    """A model over the training and validation texts, by the ways in which the run reads them.

    If the mode trains only the head, that is `heads_over_features`.
    """
    config = setup.config
    if strategies.head_alone(config, model.spec):
        return (yield from heads_over_features(setup, model))
    return {
        truncation: row_classifier.whole_model(model, setup.train, truncation, setup.precision)
        for truncation in (*config.training_truncations, config.reading)
    }


def heads_over_features(
    setup: TrainingSetup, model: Classifier
) -> Task[dict[Truncation, RowClassifier]]:
    """The head over cached features: training texts as read in training, validation texts as in answers.

    Each can score no other rows. All have the metrics of all.
    """
    config = setup.config
    parts = {config.truncation: [setup.train_rows]}
    parts.setdefault(config.reading, []).append(setup.val_rows)
    heads = {}
    for truncation, rows in parts.items():
        arguments = model, setup.train, torch.cat(rows), truncation, setup.precision
        heads[truncation] = yield from cached_features.head_over_features(*arguments)
    seconds = sum(head.metrics["features_seconds"] for head in heads.values())
    kept = sum(
        head.metrics["features_seconds"] * head.metrics["features_kept"] for head in heads.values()
    )
    metrics = {"features_seconds": seconds, "features_kept": kept / seconds if seconds else 1.0}
    return {truncation: replace(head, metrics=metrics) for truncation, head in heads.items()}


def classifier_of_mode(
    setup: TrainingSetup, model: Classifier, tokens: Tokens, rows: Tensor, truncation: Truncation
) -> Task[RowClassifier]:
    """A model over tokens, or its head over cached features if the mode trains nothing else.

    A head can score only the given rows.
    """
    arguments = truncation, setup.precision
    if strategies.head_alone(setup.config, model.spec):
        return (yield from cached_features.head_over_features(model, tokens, rows, *arguments))
    return row_classifier.whole_model(model, tokens, *arguments)


def validate(setup: TrainingSetup, state: TrainingState, classifier: RowClassifier) -> Task[None]:
    """Evaluate on the validation texts; save the checkpoint if it is the best so far."""
    result, _, thresholds = yield from evaluate(setup, state, classifier, setup.val_rows, "val")
    state.points.append(result)
    yield result
    if setup.watched is not None:
        answers = _watch(setup, state, setup.watched)
        state.points.append(answers)
        yield answers
    check_finite(result.loss, setup.config, state)
    if state.best is None or best_measure.rank(result, setup.best_by) > best_measure.rank(
        state.best, setup.best_by
    ):
        state.best = result
        if distributed.is_first():
            save_checkpoint(setup, state, result, thresholds)
        yield Saved(setup.output, result.step, result.accuracy)
    state.last_evaluated = state.step


def evaluate(
    setup: TrainingSetup,
    state: TrainingState,
    classifier: RowClassifier,
    rows: Tensor,
    split: Literal["val", "test"],
    thresholds: tuple[float, ...] | None = None,
) -> Task[tuple[Evaluation, Tensor, tuple[float, ...]]]:
    """Evaluate on some rows of a split; also returns the scores [rows, classes] on the CPU.

    Where texts have several labels, their `thresholds` are the best for these texts unless they are given;
    they are returned.
    """
    scores = yield from classifier.predict(rows, "evaluating" if split == "val" else "testing")
    labels = classifier.labels[rows.to(classifier.device)].cpu()
    weights = None if setup.class_weights is None else setup.class_weights.cpu()
    loss = objective.of_part(scores, labels, weights).item()
    if thresholds is None:
        thresholds = objective.thresholds(scores, labels)
    truth, answers = labels.numpy(), objective.answers(scores, thresholds)
    accuracy = float(answering.right(truth, answers).mean())
    f1 = classification_metrics.measure(truth, answers, scores.shape[1]).macro_f1
    at = position(setup, state)
    evaluation = Evaluation(split, **at, loss=loss, accuracy=accuracy, macro_f1=f1)
    return evaluation, scores, thresholds


def position(setup: TrainingSetup, state: TrainingState) -> dict[str, Any]:
    """Where on the axes of a chart a run is: step, epoch, seconds of training, examples."""
    return {
        "step": state.step,
        "epoch": state.step / setup.steps_per_epoch,
        "seconds": state.train_seconds,
        "examples": state.examples,
    }


@torch.inference_mode()
def _watch(setup: TrainingSetup, state: TrainingState, sentences: Tokens) -> Watched:
    """The answers to the watched sentences now."""
    rows = torch.arange(len(sentences), device=setup.device)
    inputs = sentences.batch(rows, setup.config.reading)
    scores = state.model.eval()(*inputs)
    probabilities = objective.probabilities(scores, setup.dataset.multi_label).tolist()
    return Watched(
        **position(setup, state), probabilities=tuple(tuple(row) for row in probabilities)
    )


def metrics_of_best(result: Evaluation) -> dict[str, float]:
    """What the record says of the evaluation of the best weights."""
    metrics = {"val_accuracy": result.accuracy, "best_step": float(result.step)}
    # A run that an earlier version began may have its best evaluation from there.
    return metrics if result.macro_f1 is None else metrics | {"val_macro_f1": result.macro_f1}


def save_checkpoint(
    setup: TrainingSetup, state: TrainingState, result: Evaluation, thresholds: tuple[float, ...]
) -> None:
    """Save the model as the run's checkpoint, with its thresholds and what was measured of it."""
    config = setup.config
    lengths = setup.train.offsets.diff()[setup.train_rows].cpu().numpy()
    origin: dict[str, Any] = {
        "run": setup.ref,
        "config": config.to_dict(),
        "text_lengths": TextLengths.of(lengths).to_dict(),
        **preparation.facts(setup, state.environments),
    }
    if setup.parent is not None:
        origin["source_checkpoint"] = setup.parent.title
    checkpoint_files.save(
        state.model,
        setup.output,
        ref=setup.ref,
        title=config.name or setup.ref,
        labels=setup.dataset.labels,
        thresholds=thresholds,
        truncation=config.reading,
        tokenizer=setup.tokenizer,
        dataset=setup.dataset.name,
        parent=setup.parent,
        metrics=metrics_of_best(result),
        origin=origin,
    )
