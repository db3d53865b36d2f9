"""A learning rate from one short run in which it rises from nothing to far too much (Smith 2015)."""

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
from ftcore.config import REFERENCES, FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task

if TYPE_CHECKING:  # a page that shows a result needs no torch
    from torch import Tensor

    from ftcore.training.learners import Learner

LOWEST, HIGHEST = 1e-5, 10.0
STEPS = 100
SMOOTHING = 0.9  # weight of the past in the running mean of the loss
EXPLODED = 4.0  # times the lowest loss; beyond it no rate is worth trying
CLEAR = 0.02  # share of the loss that the best rate must take off to say anything
MOST = 0.75  # share of the fall that a rate must keep to count as bearable
LOWER = 0.25  # of the highest bearable rate, as a run keeps its own for many steps

NOTHING = "No rate took much off the loss in so few steps; keep the one that you have."


@dataclass(frozen=True)
class Search:
    """Smoothed training loss by learning rate, and the rate to try; None where the loss hardly fell."""

    rates: list[float]
    losses: list[float]
    suggestion: float | None


def find_rate(config: FineTuneConfig) -> Task[Search]:
    """Raise the rate of a run like `config` at each of STEPS steps; nothing is saved.

    Every group of layers that ever trains does, each at its share of the rate. It seeds and draws from
    torch's random numbers, so it must not share a process with a training: `find_rate_apart`.
    """
    import torch
    import torch.nn.functional as F
    from torch import nn

    from ftcore.training import learners, loop, preparation, strategies

    if config.mode in REFERENCES:
        raise UnfreezeError("A reference has no learning rate; choose a mode that trains.")
    config = replace(config, watch="")
    run = yield from preparation.prepare(config, Path(), "")
    strategies.freeze(run.model, config)
    rows = run.train_rows[: STEPS * config.batch_size]
    learner = yield from learners.for_mode(run, run.model, run.train, rows)
    untouched = replace(learner, net=copy.deepcopy(learner.net).eval())
    optimizer = loop.make_optimizer(run)
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    shares = [group["lr"] / config.learning_rate for group in optimizer.param_groups]
    torch.manual_seed(config.seed)
    learner.net.train()
    rates: list[float] = []
    losses: list[float] = []
    starts: list[float] = []
    for step, batch in zip(range(STEPS), _batches(learner, rows, config), strict=False):
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
        for group, share in zip(optimizer.param_groups, shares, strict=True):
            group["lr"] = rate * share
        labels = learner.labels[batch]
        loss = F.cross_entropy(learner.logits(batch), labels)
        with torch.inference_mode():
            start = F.cross_entropy(untouched.logits(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        if config.max_grad_norm:
            nn.utils.clip_grad_norm_(weights, config.max_grad_norm)
        optimizer.step()
        if not math.isfinite(loss.item()):
            break
        rates.append(rate)
        losses.append(loss.item())
        starts.append(start.item())
        yield Progress("training", step + 1, STEPS, "steps")
        if smoothed(losses, starts)[-1] > EXPLODED * min(smoothed(losses, starts)):
            break
    return Search(rates, smoothed(losses, starts), suggest(rates, smoothed(losses, starts)))


def smoothed(losses: list[float], starts: list[float]) -> list[float]:
    """Running mean of the loss, less what the batches themselves differ by.

    Of a batch's loss its loss in the untouched model is taken off before smoothing: otherwise the luck
    of the batches hides what the rate does.
    """
    level = sum(starts) / len(starts) if starts else 0.0
    found: list[float] = []
    past = 0.0
    for number, (loss, start) in enumerate(zip(losses, starts, strict=True), start=1):
        past = SMOOTHING * past + (1 - SMOOTHING) * (loss - start)
        found.append(level + past / (1 - SMOOTHING**number))  # the mean has no past at first
    return found


def suggest(rates: list[float], losses: list[float]) -> float | None:
    """A quarter of the highest rate at which the smoothed loss keeps most of its fall, in two digits.

    Not where it is lowest: from there on it is often level for a factor of ten, and luck decides.
    """
    if not losses or min(losses) > (1 - CLEAR) * losses[0]:
        return None
    level = losses[0] - MOST * (losses[0] - min(losses))
    bearable = max(rate for rate, loss in zip(rates, losses, strict=True) if loss <= level)
    return float(f"{LOWER * bearable:.1e}")


def find_rate_apart(config: FineTuneConfig) -> Task[Search]:
    """The same in a process of its own, which ends with the task."""
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
                said = json.loads(line)
                if said.pop("event", "") == "progress":
                    yield Progress(**said)
                elif "rates" in said:
                    return Search(**said)
        finally:
            process.kill()
        errors.seek(0)
        last = errors.read().strip().splitlines()[-1:]
        raise UnfreezeError(last[0] if last else "The search ended early; try it again.")


def _batches(learner: "Learner", rows: "Tensor", config: FineTuneConfig) -> "Iterator[Tensor]":
    """Epoch after epoch in the order of a run."""
    import torch

    from ftcore.text import batches

    shuffle = torch.Generator().manual_seed(config.seed)
    while True:
        for batch in batches.shuffled_batches(learner.lengths, rows, config.batch_size, shuffle):
            yield batch.to(learner.device)


def _options(config: FineTuneConfig) -> list[str]:
    """The settings as the command line takes them."""
    options = []
    for name, value in config.to_dict().items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            options.append(f"--{option}" if value else f"--no-{option}")
        elif value != "":
            options.append(f"--{option}={value}")
    return options
