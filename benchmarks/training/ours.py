"""Our side: ftcore's own loop over the reviews, as the Quick preset sets it."""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.harness.measure import Side, Stretch
from ftcore.config import PRESETS, FineTuneConfig
from ftcore.events import Evaluation, Event, Progress, Step, drain
from ftcore.models import checkpoints
from ftcore.training import loop, preparation
from ftcore.training.preparation import Run

REF = "benchmark"


def config(source: Path, **values: Any) -> FineTuneConfig:
    """The Quick preset from the starter, on the reviews in a folder."""
    quick = {"checkpoint": "starter", "dataset": "imdb", "source": str(source), **PRESETS["Quick"]}
    return FineTuneConfig.from_dict(quick | values)


def prepare(settings: FineTuneConfig) -> Run:
    """Data, words and model, ready to train; nothing trains this one, `fresh` copies it."""
    return drain(preparation.prepare(settings, checkpoints.run_path(REF), REF))


def fresh(prepared: Run, settings: FineTuneConfig | None = None, **changes: Any) -> Run:
    """Another run on the same data, from the pretrained weights, maybe with other settings."""
    return replace(
        prepared, config=settings or prepared.config, model=copy.deepcopy(prepared.model), **changes
    )


def stretches(run: Run) -> Side:
    """One run to its end. Evaluations and what they save are not counted."""
    seconds, before = 0.0, 0
    for event, spent in timed(run):
        if isinstance(event, Step) or (isinstance(event, Progress) and event.phase == "training"):
            seconds += spent
        if isinstance(event, Step):
            yield Stretch(seconds, event.examples - before)
            seconds, before = 0.0, event.examples


def again_and_again(prepared: Run) -> Side:
    """Run after run, without an end."""
    while True:
        yield from stretches(fresh(prepared))


def timed(run: Run) -> Iterator[tuple[Event, float]]:
    """The events of the training loop, each with the seconds that it took to come."""
    events = loop.fit(run)
    while True:
        clock = time.perf_counter()
        try:
            event = next(events)
        except StopIteration:
            return
        yield event, time.perf_counter() - clock


@dataclass
class Whole:
    """A run from its first event to its last: wall clock, evaluations and saving included."""

    seconds: float = 0.0
    features: float = 0.0  # of these, for the vectors that the last layer trains on
    best: Evaluation | None = None
    to_best: float = 0.0
    to_target: float | None = None

    @property
    def accuracy(self) -> float:
        """The best on validation."""
        assert self.best is not None
        return self.best.accuracy


def to_the_end(run: Run, target: float = 1.0) -> Whole:
    """Train `run`, and note when it was best on validation, and when it first reached `target`."""
    whole = Whole()
    for event, spent in timed(run):
        whole.seconds += spent
        if isinstance(event, Progress) and event.phase == "features":
            whole.features += spent
        if not isinstance(event, Evaluation):
            continue
        if whole.best is None or event.accuracy > whole.best.accuracy:
            whole.best, whole.to_best = event, whole.seconds
        if whole.to_target is None and event.accuracy >= target:
            whole.to_target = whole.seconds
    return whole
