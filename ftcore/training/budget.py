"""How many steps fit into a budget of minutes: measured before training begins, and fixed from then on.

A copy of model and optimizer takes a few steps on batches of the run's own texts, answers some of its
validation texts and is saved once. What the run itself draws and computes is not touched.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ftcore import devices, memory
from ftcore.config import MAX_EPOCHS
from ftcore.events import Evaluation, Progress, Task
from ftcore.storage import scratch
from ftcore.text import batches
from ftcore.text.truncation import Truncation
from ftcore.training import (
    evaluation,
    kept_activations,
    linear_head,
    loop,
    preparation,
    snapshots,
    strategies,
    worker_threads,
)
from ftcore.training.preparation import TrainingSetup
from ftcore.training.row_classifier import RowClassifier
from ftcore.training.state import TrainingState

SHARE = 0.05  # of the budget that is measured for at most, beside the first steps
LONGEST = 10.0  # seconds that are measured for at most
FIRST_STEPS = 2  # are slow, and not counted
FIRST_ANSWERS = 32  # texts
FEW_BATCHES = 16
RECORDING = 0.03  # seconds of a validation's entry in the record of runs
Kind = tuple[frozenset[str], Truncation]
"""What decides the pace of an epoch: the groups that train, and what is read."""


def fix_steps(setup: TrainingSetup) -> Task[TrainingSetup]:
    """Return the setup with as many steps as fit into its minutes, one at least.

    Validations count, and so does what is computed before the first step. Seeds torch's random numbers, as
    `TrainingState.begin` does again.
    """
    began = time.perf_counter()
    task = _steps_that_fit(setup, began)
    while True:
        try:
            event = next(task)
        except StopIteration as end:
            steps = end.value
            break
        if isinstance(event, Progress):  # the run will note for itself what it does
            yield replace(event, phase="measuring")
    devices.release_memory()
    return preparation.with_steps(setup, steps)


def _steps_that_fit(setup: TrainingSetup, began: float) -> Task[int]:
    groups = len(setup.model.spec.group_sizes())
    # In mode gradual, the epochs decide which groups ever train, and they are not known yet.
    config = replace(setup.config, epochs=max(setup.config.epochs, groups))
    trial = replace(setup, config=config)
    state = TrainingState.begin(trial)
    before_steps = yield from _before_the_first_step(trial, state)
    trial, classifiers, seconds = yield from _classifiers(trial, state)
    before_steps += seconds
    kinds = dict.fromkeys(_kind(trial, epoch) for epoch in range(_distinct_epochs(trial)))
    budget = 60 * config.minutes
    slice = min(LONGEST, SHARE * budget) / (len(kinds) + 1)
    pace: dict[Kind, float] = {}
    pace[_kind(trial, 0)] = yield from _step_seconds(trial, state, classifiers, 0, slice)
    validation = yield from _validation_seconds(trial, state, classifiers[config.reading], slice)
    validation *= float(_tokens_in_answers(setup).sum() / _tokens_in_answers(trial).sum())
    validation += _saving_seconds(trial, state)
    evaluations = setup.evaluations_per_epoch
    steps, spent = 0, before_steps + validation
    for epoch in range(MAX_EPOCHS):
        kind = _kind(trial, epoch)
        if kind not in pace:
            pace[kind] = yield from _step_seconds(trial, state, classifiers, epoch, slice)
        left = budget - spent - (time.perf_counter() - began)
        per_epoch = setup.steps_per_epoch * pace[kind] + evaluations * validation
        if per_epoch > left:  # the last step is followed by a validation of its own
            per_step = per_epoch / setup.steps_per_epoch
            return max(1, steps + math.floor(max(0.0, left - validation) / per_step))
        steps, spent = steps + setup.steps_per_epoch, spent + per_epoch
    return steps


def _classifiers(
    setup: TrainingSetup, state: TrainingState
) -> Task[tuple[TrainingSetup, dict[Truncation, RowClassifier], float]]:
    """What the run trains with, over how much of its texts, and the seconds that making it will take.

    Features of a frozen body are cached on disk, so they are made here for the run. Activations of frozen
    layers would be made twice, so only those of a few texts are.
    """
    whole = yield from evaluation.classifiers(setup, state.model)
    limit = memory.activations_limit(devices.free_memory(setup.device))
    layers = kept_activations.kept_layers(setup.config, state.model.spec)
    if not layers or kept_activations.needed_bytes(setup, whole) > limit:
        return setup, whole, 0.0
    train, val = setup.train_rows[: FEW_BATCHES * setup.config.batch_size], setup.val_rows
    few = replace(setup, train_rows=train, val_rows=val[: 2 * FIRST_ANSWERS])
    clock = time.perf_counter()
    above = yield from kept_activations.start_above(few, state, whole)
    if not state.kept_layers:  # this model cannot
        return setup, whole, 0.0
    share = kept_activations.needed_bytes(few, whole) / kept_activations.needed_bytes(setup, whole)
    return few, above, (time.perf_counter() - clock) / share


def _tokens_in_answers(setup: TrainingSetup) -> Tensor:
    return setup.train.lengths(setup.config.reading).cpu()[setup.val_rows]


def _kind(setup: TrainingSetup, epoch: int) -> Kind:
    groups = strategies.trained_groups(setup.config, setup.model.spec, epoch)
    return frozenset(groups), setup.config.truncation_in(epoch)


def _distinct_epochs(setup: TrainingSetup) -> int:
    """The number of epochs after which their kind does not change any more."""
    return max(len(setup.model.spec.group_sizes()), len(setup.config.training_truncations))


def _before_the_first_step(setup: TrainingSetup, state: TrainingState) -> Task[float]:
    """Seconds that fitting the head first takes, once its features are cached."""
    if not strategies.fits_head_first(setup.config):
        return 0.0
    yield from evaluation.heads_over_features(setup, state.model)
    clock = time.perf_counter()
    yield from linear_head.fit_last_layer(setup, state.model)
    return time.perf_counter() - clock


def _step_seconds(
    setup: TrainingSetup,
    state: TrainingState,
    classifiers: Mapping[Truncation, RowClassifier],
    epoch: int,
    seconds: float,
) -> Task[float]:
    """Mean seconds of a step of an epoch, by its tokens, from steps that take about `seconds`."""
    config, shuffle = setup.config, torch.Generator().manual_seed(setup.config.seed)
    classifier = classifiers[config.truncation_in(epoch)]
    strategies.freeze(state.model, config, epoch)
    order = batches.shuffled_batches(
        classifier.lengths, setup.train_rows, config.batch_size, shuffle
    )
    tokens = [len(batch) * classifier.max_length(batch) for batch in order]
    clock, first, count = time.perf_counter(), min(FIRST_STEPS, len(order) - 1), 0
    with worker_threads.side_by_side(classifier.halves) as side_by_side:
        for count, batch in enumerate(order):
            if count == first:
                state.sums.tolist()  # waits for the device
                clock = time.perf_counter()
            elif count > first and time.perf_counter() - clock > seconds:
                break
            on_device = batch.to(setup.device)
            yield from loop.train_step(setup, state, classifier, side_by_side, batch, on_device)
        else:
            count = len(order)
        state.sums.tolist()
    measured = time.perf_counter() - clock
    return measured / sum(tokens[first:count]) * sum(tokens) / len(tokens)


def _validation_seconds(
    setup: TrainingSetup, state: TrainingState, classifier: RowClassifier, seconds: float
) -> Task[float]:
    """Seconds in which all validation texts are answered, from some that take about `seconds`."""
    rows, count = setup.val_rows, FIRST_ANSWERS
    while True:
        clock = time.perf_counter()
        yield from classifier.predict(rows[:count], "evaluating")
        taken = time.perf_counter() - clock
        if count >= len(rows) or 2 * taken > seconds:
            tokens = classifier.lengths[rows]
            return taken * float(tokens.sum() / tokens[:count].sum())
        count *= 2


def _saving_seconds(setup: TrainingSetup, state: TrainingState) -> float:
    """Seconds that saving takes after a validation with the best answers so far."""
    answers = Evaluation("val", **evaluation.position(setup, state), loss=0.0, accuracy=0.0)
    with scratch.folder(setup.output.parent) as folder:
        elsewhere = replace(setup, output=folder / setup.output.name)
        clock = time.perf_counter()
        evaluation.save_checkpoint(elsewhere, state, answers, ())
        snapshots.save(elsewhere, state)
        return time.perf_counter() - clock + RECORDING
