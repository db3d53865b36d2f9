"""The training loop: a generator of events, from starting weights to trained ones."""

import math
import time
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from ftcore import devices
from ftcore.errors import is_out_of_memory
from ftcore.events import Noted, Pause, Progress, Resumable, Step, Task
from ftcore.formatting import duration
from ftcore.text import batches
from ftcore.text.truncation import Truncation
from ftcore.training import (
    distributed,
    evaluation,
    kept_activations,
    linear_head,
    objective,
    snapshots,
    strategies,
    worker_threads,
)
from ftcore.training.divergence import check_finite
from ftcore.training.preparation import TrainingSetup
from ftcore.training.row_classifier import RowClassifier
from ftcore.training.state import TrainingState
from ftcore.training.worker_threads import Map

REPORTS = 200  # most points of a run's training curve
SNAPSHOT_SECONDS = 45.0  # longest time between two snapshots, beside the time of an evaluation,
SNAPSHOT_SHARE = 0.05  # unless they would take more than this share of the time


def train(setup: TrainingSetup, state: TrainingState) -> Task[None]:
    """Train from wherever `state` is to the last step.

    Raises Diverged if the loss is not finite, and Pause, thrown into it, once a snapshot is saved.
    """
    classifiers = yield from _classifiers(setup, state)
    distributed.match_first(state.trained_weights)
    halves = classifiers[setup.config.reading].halves
    with worker_threads.side_by_side(halves) as side_by_side:
        yield from _epochs(setup, state, classifiers, side_by_side)


def _epochs(
    setup: TrainingSetup,
    state: TrainingState,
    classifiers: Mapping[Truncation, RowClassifier],
    side_by_side: Map,
) -> Task[None]:
    """Train the remaining epochs."""
    reading = classifiers[setup.config.reading]
    try:
        for epoch in range(state.epoch, setup.config.epochs):
            classifier = classifiers[setup.config.truncation_in(epoch)]
            remaining = _start_epoch(setup, state, classifier, epoch)
            if _evaluation_is_due(setup, state):  # before the first step
                yield from evaluation.validate(setup, state, reading)
            for batch, on_device in remaining:
                yield from train_step(setup, state, classifier, side_by_side, batch, on_device)
                if state.step % math.ceil(setup.steps / REPORTS) == 0 or state.step == setup.steps:
                    yield _report(setup, state)
                yield Progress("training", state.step, setup.steps, "steps")
                if _evaluation_is_due(setup, state):
                    yield from evaluation.validate(setup, state, reading)
                if distributed.is_first() and _snapshot_is_due(state):
                    yield Resumable(state.step)
                    snapshots.save(setup, state)
            state.batch = 0
    except Pause:
        snapshots.save(setup, state)
        raise


def _classifiers(
    setup: TrainingSetup, state: TrainingState
) -> Task[dict[Truncation, RowClassifier]]:
    """The model, its upper layers, or its head; computing what they read counts as training.

    A run that is stopped before the first evaluation has no snapshot, so it fits the head again.
    """
    if strategies.fits_head_first(setup.config) and state.last_evaluated < 0:
        yield from _fit_head(setup, state)
    clock = time.perf_counter()
    classifiers = yield from evaluation.classifiers(setup, state.model)
    classifiers = yield from kept_activations.start_above(setup, state, classifiers)
    # Of a resumed run, what they took first.
    state.metrics = state.metrics or classifiers[setup.config.reading].metrics
    state.train_seconds += time.perf_counter() - clock
    return classifiers


def _fit_head(setup: TrainingSetup, state: TrainingState) -> Task[None]:
    """Start from the linear probe, whose computation counts as training (Kumar et al. 2022).

    Evaluated over the same cached features, so its figures are exactly the probe's.
    """
    clock = time.perf_counter()
    classifier = yield from linear_head.fit_last_layer(setup, state.model)
    state.metrics = classifier.metrics
    seconds = time.perf_counter() - clock
    state.train_seconds += seconds
    note = f"Fitting the last layer first took {duration(seconds)}, which count as training time."
    state.notes.append(note)
    yield Noted(note)
    yield from evaluation.validate(setup, state, classifier)


def _start_epoch(
    setup: TrainingSetup, state: TrainingState, classifier: RowClassifier, epoch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Freeze and shuffle for an epoch; return its remaining batches, on the CPU and on the device."""
    strategies.freeze(state.model, setup.config, epoch)
    state.epoch, state.epoch_start = epoch, state.shuffle.get_state()
    order = batches.shuffled_batches(
        classifier.lengths, setup.train_rows, setup.config.batch_size, state.shuffle
    )[state.batch : setup.steps - epoch * setup.steps_per_epoch]
    return zip(order, batches.move_to(order, setup.device), strict=True)


def train_step(
    setup: TrainingSetup,
    state: TrainingState,
    classifier: RowClassifier,
    side_by_side: Map,
    batch: Tensor,
    on_device: Tensor,
) -> Task[None]:
    """Update the weights by one batch (its rows on the CPU and on the device)."""
    clock = time.perf_counter()
    classifier.network.train()
    distributed.seed(setup.config.seed, state.step)
    state.optimizer.zero_grad()
    sums = _backward(setup, state, classifier, side_by_side, batch, on_device)
    while sums is None:
        state.optimizer.zero_grad()
        yield _split_batches_further(setup, state)
        sums = _backward(setup, state, classifier, side_by_side, batch, on_device)
    if setup.config.max_grad_norm:
        nn.utils.clip_grad_norm_(state.trained_weights, setup.config.max_grad_norm)
    state.optimizer.step()
    state.schedule.step()
    state.step += 1
    state.batch += 1
    state.examples += len(batch)
    state.sums += sums  # on the device: reading a value at every step would wait for it
    state.train_seconds += time.perf_counter() - clock


def _backward(
    setup: TrainingSetup,
    state: TrainingState,
    classifier: RowClassifier,
    side_by_side: Map,
    batch: Tensor,
    on_device: Tensor,
) -> Tensor | None:
    """Compute the gradients of a batch's mean loss, part by part, or in halves side by side.

    Returns the sum of its losses, its correct answers and its texts; None if it is out of memory. Of
    several processes, each computes its share; see `distributed`.
    """
    share, share_on_device = distributed.share(batch), distributed.share(on_device)

    def backward(part: Tensor, rows: Tensor) -> Tensor:
        scores = classifier.scores(rows, classifier.max_length(part))
        labels = classifier.labels[rows]
        loss = objective.of_batch(scores, labels, setup.class_weights)
        (loss * (len(part) / len(batch))).backward()
        correct = objective.right(scores, labels).sum()
        return torch.stack(
            [loss.detach() * len(part), correct, torch.full_like(correct, len(part))]
        )

    halves = classifier.halves and state.parts == 1
    count = worker_threads.COUNT if halves else state.parts
    run = side_by_side if halves else map
    sums = torch.zeros_like(state.sums)
    fits = True
    try:
        if len(share):
            for part in run(backward, share.chunk(count), share_on_device.chunk(count)):
                sums += part
    except (RuntimeError, MemoryError) as error:
        if state.parts >= len(batch) or not is_out_of_memory(error):
            raise
        fits = False
    if not distributed.all_agree(fits):
        return None
    return distributed.add_gradients(state.trained_weights, sums)


def _split_batches_further(setup: TrainingSetup, state: TrainingState) -> Noted:
    """Split batches into twice as many parts, whose gradients add up to those of the whole."""
    state.parts *= 2
    devices.release_memory()
    size = setup.config.batch_size
    note = (
        f"Out of memory with {size // (state.parts // 2)} texts at once: each step of {size} texts is "
        f"now computed in {state.parts} parts, whose gradients add up to the same."
    )
    state.notes.append(note)
    return Noted(note)


def _report(setup: TrainingSetup, state: TrainingState) -> Step:
    """Mean training loss and accuracy since the last report."""
    clock = time.perf_counter()
    loss_sum, correct, texts = state.sums.tolist()  # waits for the device
    state.train_seconds += time.perf_counter() - clock
    check_finite(loss_sum, setup.config, state)
    state.sums.zero_()
    report = Step(
        **evaluation.position(setup, state),
        loss=loss_sum / texts,
        accuracy=correct / texts,
        lr=float(state.schedule.get_last_lr()[0]),
    )
    state.points.append(report)
    return report


def _evaluation_is_due(setup: TrainingSetup, state: TrainingState) -> bool:
    return state.step in setup.evaluation_steps and state.last_evaluated < state.step


def _snapshot_is_due(state: TrainingState) -> bool:
    """Whether an evaluation has just ended, or the last snapshot is too long ago."""
    pause = max(SNAPSHOT_SECONDS, state.snapshot_seconds / SNAPSHOT_SHARE)
    return state.last_evaluated == state.step or time.monotonic() - state.last_snapshot > pause
