"""Unfreeze's own training loop over the reviews, with the Quick preset."""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.harness.throughput import Loop, TimedSteps
from ftcore.config import FineTuneConfig
from ftcore.events import Evaluation, Event, Progress, Step, drain
from ftcore.models import checkpoints
from ftcore.presets import PRESETS
from ftcore.training import loop, preparation
from ftcore.training.preparation import TrainingSetup
from ftcore.training.state import TrainingState

REF = "benchmark"


def config(source: Path, **values: Any) -> FineTuneConfig:
    """The Quick preset from the starter, on the reviews in a folder."""
    quick = {"checkpoint": "starter", "dataset": "imdb", "source": str(source), **PRESETS["Quick"]}
    return FineTuneConfig.from_dict(quick | values)


def prepare(settings: FineTuneConfig) -> TrainingSetup:
    """Data, vocabulary and model of a run that is never trained itself; see `copy_run`."""
    return drain(preparation.prepare(settings, checkpoints.run_path(REF), REF))


def copy_run(prepared: TrainingSetup, settings: FineTuneConfig | None = None) -> TrainingSetup:
    """A run on the same data from the pretrained weights, with other settings if given."""
    return replace(
        prepared, config=settings or prepared.config, model=copy.deepcopy(prepared.model)
    )


def train(run: TrainingSetup) -> Loop:
    """One run to its end, without its evaluations and what they save."""
    seconds, reviews = 0.0, 0
    for event, spent in timed_events(run):
        if isinstance(event, Step) or (isinstance(event, Progress) and event.phase == "training"):
            seconds += spent
        if isinstance(event, Step):
            yield TimedSteps(seconds, event.examples - reviews)
            seconds, reviews = 0.0, event.examples


def train_forever(prepared: TrainingSetup) -> Loop:
    """Copies of the run, one after the other."""
    while True:
        yield from train(copy_run(prepared))


def timed_events(run: TrainingSetup) -> Iterator[tuple[Event, float]]:
    """The events of the training loop, each with the seconds since the one before."""
    clock = time.perf_counter()
    for event in loop.train(run, TrainingState.begin(run)):
        yield event, time.perf_counter() - clock
        clock = time.perf_counter()


@dataclass
class RunTimes:
    """Wall-clock seconds of a whole run, evaluations and saving included."""

    seconds: float = 0.0
    features: float = 0.0  # of these, for the cached features that the last layer trains on
    accuracy: float = 0.0  # the best on validation
    to_best: float = 0.0
    to_target: float | None = None


def train_to_the_end(run: TrainingSetup, target: float = 1.0) -> RunTimes:
    """Train the run; note when validation accuracy was best and when it first reached `target`."""
    times = RunTimes()
    for event, spent in timed_events(run):
        times.seconds += spent
        if isinstance(event, Progress) and event.phase == "features":
            times.features += spent
        if not isinstance(event, Evaluation):
            continue
        if event.accuracy > times.accuracy:
            times.accuracy, times.to_best = event.accuracy, times.seconds
        if times.to_target is None and event.accuracy >= target:
            times.to_target = times.seconds
    return times


def save_untrained(run: TrainingSetup) -> str:
    """Save the untrained two-class model, which predicts as fast as a trained one; its ref."""
    events = loop.train(run, TrainingState.begin(run))
    next(event for event in events if isinstance(event, Evaluation))
    next(events)  # saves it
    events.close()
    return run.ref
