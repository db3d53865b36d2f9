"""A learning rate range test: one short run in which the rate rises until the loss explodes (Smith 2015)."""

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ftcore.config import FineTuneConfig
from ftcore.errors import UsageError
from ftcore.events import Progress, Task
from ftcore.modes import REFERENCES
from ftcore.text import batches
from ftcore.training import evaluation, linear_head, objective, preparation, strategies
from ftcore.training.lr_search import Search
from ftcore.training.preparation import TrainingSetup
from ftcore.training.row_classifier import RowClassifier
from ftcore.training.state import TrainingState

LOWEST, HIGHEST = 1e-5, 10.0
STEPS = 100
SMOOTHING = 0.9  # weight of the past in the running mean of the loss
EXPLODED = 4.0  # times the lowest loss, at which the test ends
CLEAR = 0.003  # least share of the loss that the best rate must take off for a suggestion
KEPT_FALL = 0.75  # share of the fall that a rate must keep to count as stable
SAFETY = 0.25  # of the highest stable rate, because a run keeps its rate for many steps
HEAD_SAFETY = 1.0  # for the last layer alone, whose loss is convex


def find_rate(config: FineTuneConfig) -> Task[Search]:
    """Run a range test with a config's data, batches, optimizer and layer groups; saves nothing.

    It seeds and draws torch's random numbers, so it must not share a process with a training:
    use `lr_search.find_rate_in_subprocess` there. Raises UnfreezeError.
    """
    if config.mode in REFERENCES:
        raise UsageError("A reference has no learning rate; choose a mode that trains.")
    setup = yield from preparation.prepare(replace(config, watch=""), Path(), "")
    state = TrainingState.begin(setup)
    strategies.freeze(state.model, config)
    if strategies.fits_head_first(config):
        yield from linear_head.fit_last_layer(setup, state.model)
    elif config.mode == "scratch" or not setup.parent or not setup.parent.answers(setup.dataset):
        # Unlearning the guesses of a random head would look like learning.
        # Zeros in a hidden layer of the head would let nothing below it learn.
        for weight in state.model.last_layer.parameters():
            nn.init.zeros_(weight)
    rows = setup.train_rows[: STEPS * config.batch_size]
    classifier = yield from evaluation.classifier_of_mode(
        setup, state.model, setup.train, rows, config.truncation_in(0)
    )
    untrained = replace(classifier, network=copy.deepcopy(classifier.network).train())
    groups = state.optimizer.param_groups
    shares = [group["initial_lr"] / config.learning_rate for group in groups]
    accelerators = [classifier.device] if classifier.device.type == "cuda" else []
    classifier.network.train()
    rates: list[float] = []
    losses: list[float] = []
    start_losses: list[float] = []
    smooth: list[float] = []
    for step, batch in zip(range(STEPS), _batches(classifier, rows, config), strict=False):
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
        for group, share in zip(groups, shares, strict=True):
            group["lr"] = rate * share
        # With the same dropout, whose luck would look like learning otherwise.
        with torch.inference_mode(), torch.random.fork_rng(accelerators):
            start_loss = _loss(setup, untrained, batch).item()
        loss = _train_step(setup, state, classifier, batch)
        if not math.isfinite(loss):
            break
        rates.append(rate)
        losses.append(loss)
        start_losses.append(start_loss)
        yield Progress("training", step + 1, STEPS, "steps")
        smooth = smoothed(losses, start_losses)
        if smooth[-1] > EXPLODED * min(smooth):
            break
    safety = HEAD_SAFETY if strategies.head_alone(config, state.model.spec) else SAFETY
    return Search(rates, smooth, suggest(rates, smooth, safety), state.notes)


def smoothed(losses: list[float], start_losses: list[float]) -> list[float]:
    """Running mean of the loss, corrected for the difficulty of each batch.

    start_losses: losses of the untrained model on the same batches; the difference to them is smoothed.
    """
    level = sum(start_losses) / len(start_losses)
    smooth: list[float] = []
    mean = 0.0
    for number, (loss, start) in enumerate(zip(losses, start_losses, strict=True), start=1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * (loss - start)
        smooth.append(level + mean / (1 - SMOOTHING**number))  # unbiased in the first steps too
    return smooth


def suggest(rates: list[float], losses: list[float], safety: float) -> float | None:
    """A share of the highest rate at which the smoothed loss keeps most of its fall, in two digits.

    The lowest point itself is a matter of luck: the curve is often level for a factor of ten.
    None if the loss hardly fell.
    """
    if not losses or min(losses) > (1 - CLEAR) * losses[0]:
        return None
    level = losses[0] - KEPT_FALL * (losses[0] - min(losses))
    stable = max(rate for rate, loss in zip(rates, losses, strict=True) if loss <= level)
    return float(f"{safety * stable:.1e}")


def _train_step(
    setup: TrainingSetup, state: TrainingState, classifier: RowClassifier, batch: Tensor
) -> float:
    """Update the weights by one batch; return its loss before the update."""
    loss = _loss(setup, classifier, batch)
    state.optimizer.zero_grad()
    loss.backward()
    if setup.config.max_grad_norm:
        nn.utils.clip_grad_norm_(state.trained_weights, setup.config.max_grad_norm)
    state.optimizer.step()
    return loss.item()


def _loss(setup: TrainingSetup, classifier: RowClassifier, batch: Tensor) -> Tensor:
    return objective.of_batch(
        classifier.scores(batch), classifier.labels[batch], setup.class_weights
    )


def _batches(classifier: RowClassifier, rows: Tensor, config: FineTuneConfig) -> Iterator[Tensor]:
    """Batches of epoch after epoch, in the order of a run."""
    shuffle = torch.Generator().manual_seed(config.seed)
    while True:
        for batch in batches.shuffled_batches(classifier.lengths, rows, config.batch_size, shuffle):
            yield batch.to(classifier.device)
