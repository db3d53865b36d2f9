"""A training run: one generator of events, from a config to a tested checkpoint."""

import time
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ftcore.config import NEW_MODEL, FineTuneConfig
from ftcore.diagnostics import collect
from ftcore.events import Finished, Pause, Restored, Started, Status, Stop, Task
from ftcore.models import checkpoint_files, checkpoints
from ftcore.training import (
    budget,
    distributed,
    evaluation,
    loop,
    objective,
    outcome,
    preparation,
    snapshots,
)
from ftcore.training.preparation import TrainingSetup
from ftcore.training.state import TrainingState


def train(config: FineTuneConfig, output: Path, ref: str, resume: bool = False) -> Task[None]:
    """Fine-tune by `config` and leave the best checkpoint, named `ref`, in the folder `output`.

    `resume` continues from the run's snapshot, if there is one. The last event is `Finished`; throw `Stop`
    or `Pause` into the task to end it early. Raises UnfreezeError if settings, data or checkpoint cannot
    be used, Diverged if the loss is not finite.
    """
    began = time.perf_counter()
    snapshot = snapshots.load(output) if resume else None
    if snapshot and config.budgeted:  # the record could not be written when its steps were fixed
        config = replace(config, steps=snapshot.values["settings"]["steps"])
    is_new = config.checkpoint == NEW_MODEL  # others have the tokenizer of their checkpoint
    rule = snapshots.word_rule(snapshot) if snapshot and is_new else None
    setup = yield from preparation.prepare(config, output, ref, rule)
    if setup.config.budgeted:
        setup = yield from budget.fix_steps(setup)
    state = TrainingState.begin(setup, began)
    if snapshot:
        snapshots.restore(snapshot, setup, state)
    yield Started(preparation.facts(setup, state.environments), tuple(state.notes))
    if snapshot:
        yield Restored(tuple(state.points))
    status: Status = "finished"
    test_metrics = {}
    try:
        distributed.join(setup.device)
        yield from loop.train(setup, state)
        scores, thresholds = yield from _test(setup, state)
        distributed.leave()
        answers = objective.answers(scores, thresholds)
        truth, classes = setup.test.labels.cpu().numpy(), len(setup.dataset.labels)
        test_metrics = outcome.figures(truth, answers, classes)
        message = outcome.sentence(test_metrics, len(setup.test), setup.best_by)
        if distributed.is_first():
            message += yield from collect.collect(setup, scores, thresholds)
    except Stop:
        status, message = "stopped", _stop_message(state)
    except Pause:
        status = "paused"
        message = f"Paused at step {state.step:,}; resume it, and it goes on from there."
    metrics = _metrics(state) | test_metrics
    if state.best and distributed.is_first():
        checkpoints.update(output, metrics=metrics)
    yield Finished(status, message, metrics)


def _test(setup: TrainingSetup, state: TrainingState) -> Task[tuple[Tensor, tuple[float, ...]]]:
    """Evaluate the best checkpoint, as read from disk, on the test texts; return scores and thresholds."""
    distributed.from_first(None)  # which has saved it
    checkpoint = checkpoints.find(setup.ref)
    best = checkpoint_files.load_model(checkpoint).to(setup.device)
    rows = torch.arange(len(setup.test))
    classifier = yield from evaluation.classifier_of_mode(
        setup, best, setup.test, rows, setup.config.reading
    )
    result, scores, thresholds = yield from evaluation.evaluate(
        setup, state, classifier, rows, "test", checkpoint.thresholds
    )
    yield result
    return scores, thresholds


def _stop_message(state: TrainingState) -> str:
    if state.best is None:
        return "Stopped before the first evaluation; there is nothing to keep."
    return f"Stopped at step {state.step:,}; the best model, of step {state.best.step:,}, is kept."


def _metrics(state: TrainingState) -> dict[str, float]:
    metrics = {
        "seconds": time.perf_counter() - state.began,
        "train_seconds": state.train_seconds,
        "reviews_per_second": state.examples / state.train_seconds if state.train_seconds else 0.0,
    } | state.metrics
    if state.best:
        metrics |= evaluation.metrics_of_best(state.best)
    return metrics
