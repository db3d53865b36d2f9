"""A learning rate range test: one short run in which the rate rises until the loss explodes (Smith 2015)."""

import copy
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ftcore import paths
from ftcore.config import REFERENCES, FineTuneConfig, relevant_settings
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Progress, Task

if TYPE_CHECKING:  # a page that shows a result needs no torch
    from torch import Tensor

    from ftcore.training.row_classifier import RowClassifier

LOWEST, HIGHEST = 1e-5, 10.0
STEPS = 100
SMOOTHING = 0.9  # weight of the past in the running mean of the loss
EXPLODED = 4.0  # times the lowest loss, at which the test ends
CLEAR = 0.02  # least share of the loss that the best rate must take off for a suggestion
KEPT_FALL = 0.75  # share of the fall that a rate must keep to count as stable
SAFETY = 0.25  # of the highest stable rate, because a run keeps its rate for many steps

# Settings that a search does not use.
UNUSED = ("learning_rate", "schedule", "evaluations", "watch", "name", "source_task_data")
NOTHING = "No rate took much off the loss in so few steps; keep the one that you have."


@dataclass(frozen=True)
class Search:
    """The result of a range test."""

    rates: list[float]
    losses: list[float]
    """Smoothed training loss at each rate."""
    suggestion: float | None
    """The rate to try; None if the loss hardly fell."""


def find_rate(config: FineTuneConfig) -> Task[Search]:
    """Run a range test with a config's data, batches, optimizer and layer groups; saves nothing.

    It seeds and draws torch's random numbers, so it must not share a process with a training:
    use `find_rate_in_subprocess` there. Raises UnfreezeError.
    """
    import torch
    import torch.nn.functional as F
    from torch import nn

    from ftcore.training import evaluation, preparation, strategies
    from ftcore.training.state import TrainingState

    if config.mode in REFERENCES:
        raise UsageError("A reference has no learning rate; choose a mode that trains.")
    config = replace(config, watch="")
    setup = yield from preparation.prepare(config, Path(), "")
    state = TrainingState.begin(setup)
    strategies.freeze(state.model, config)
    rows = setup.train_rows[: STEPS * config.batch_size]
    classifier = yield from evaluation.classifier_of_mode(setup, state.model, setup.train, rows)
    untouched = replace(classifier, network=copy.deepcopy(classifier.network).eval())
    groups = state.optimizer.param_groups
    shares = [group["initial_lr"] / config.learning_rate for group in groups]
    classifier.network.train()
    rates: list[float] = []
    losses: list[float] = []
    start_losses: list[float] = []
    for step, batch in zip(range(STEPS), _batches(classifier, rows, config), strict=False):
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
        for group, share in zip(groups, shares, strict=True):
            group["lr"] = rate * share
        labels = classifier.labels[batch]
        loss = F.cross_entropy(classifier.scores(batch), labels)
        with torch.inference_mode():
            start_loss = F.cross_entropy(untouched.scores(batch), labels)
        state.optimizer.zero_grad()
        loss.backward()
        if config.max_grad_norm:
            nn.utils.clip_grad_norm_(state.trained_weights, config.max_grad_norm)
        state.optimizer.step()
        if not math.isfinite(loss.item()):
            break
        rates.append(rate)
        losses.append(loss.item())
        start_losses.append(start_loss.item())
        yield Progress("training", step + 1, STEPS, "steps")
        smooth = smoothed(losses, start_losses)
        if smooth[-1] > EXPLODED * min(smooth):
            break
    smooth = smoothed(losses, start_losses)
    return Search(rates, smooth, suggest(rates, smooth))


def smoothed(losses: list[float], start_losses: list[float]) -> list[float]:
    """Running mean of the loss, corrected for the difficulty of each batch.

    start_losses: the loss of the untouched model on the same batches; only the difference to it is smoothed.
    """
    level = sum(start_losses) / len(start_losses) if start_losses else 0.0
    smooth: list[float] = []
    mean = 0.0
    for number, (loss, start) in enumerate(zip(losses, start_losses, strict=True), start=1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * (loss - start)
        smooth.append(
            level + mean / (1 - SMOOTHING**number)
        )  # corrects the bias of the first steps
    return smooth


def suggest(rates: list[float], losses: list[float]) -> float | None:
    """A quarter of the highest rate at which the smoothed loss keeps most of its fall, in two digits.

    The lowest point itself is a matter of luck: the curve is often level for a factor of ten.
    None if the loss hardly fell.
    """
    if not losses or min(losses) > (1 - CLEAR) * losses[0]:
        return None
    level = losses[0] - KEPT_FALL * (losses[0] - min(losses))
    stable = max(rate for rate, loss in zip(rates, losses, strict=True) if loss <= level)
    return float(f"{SAFETY * stable:.1e}")


def find_rate_in_subprocess(config: FineTuneConfig) -> Task[Search]:
    """`find_rate` in a process of its own, which is killed when the task is closed."""
    command = [sys.executable, "-m", "ftcore", "find-rate", "--json", *_options(config)]
    path = os.pathsep.join(filter(None, (str(paths.ROOT), os.environ.get("PYTHONPATH"))))
    yield Progress("waiting", 0, None)
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                values = json.loads(line)
                if values.pop("event", "") == "progress":
                    yield Progress(**values)
                elif "rates" in values:
                    return Search(**values)
        finally:
            process.kill()
        errors.seek(0)
        message = errors.read().strip().splitlines() or ["The search ended early; try it again."]
        raise UnfreezeError(message[-1])


def _batches(
    classifier: "RowClassifier", rows: "Tensor", config: FineTuneConfig
) -> "Iterator[Tensor]":
    """Batches of epoch after epoch, in the order of a run."""
    import torch

    from ftcore.text import batches

    shuffle = torch.Generator().manual_seed(config.seed)
    while True:
        for batch in batches.shuffled_batches(classifier.lengths, rows, config.batch_size, shuffle):
            yield batch.to(classifier.device)


def _options(config: FineTuneConfig) -> list[str]:
    """The settings that a search uses as options of the command line."""
    options = []
    for name in (setting.name for setting in relevant_settings(config)):
        value, option = getattr(config, name), name.replace("_", "-")
        if isinstance(value, bool):
            options.append(f"--{option}" if value else f"--no-{option}")
        elif value != "" and name not in UNUSED:
            options.append(f"--{option}={value}")
    return options
