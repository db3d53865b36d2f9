"""Events: the frozen records that a long task yields while it works.

A task that takes more than a second is a generator of events that returns its result: the consumer
decides where they go, and closing the generator cancels the task at its next event. The command
line's `--json` names an event by its class in lower case.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

Preparing = Literal[
    "waiting",
    "downloading",
    "reading",
    "examining",
    "encoding",
    "vectors",
    "features",
    "activations",
]
Phase = Literal[
    Preparing,
    "measuring",
    "fitting",
    "training",
    "evaluating",
    "testing",
    "predicting",
    "diagnostics",
    "converting",
    "saving",
    "uploading",
    "done",
]
Facts = dict[str, str | int | float | list[str]]  # JSON values; only "labels" is a list
Status = Literal["queued", "running", "paused", "finished", "stopped", "failed", "interrupted"]
Action = Literal["stop", "discard", "pause", "interrupt"]  # how a run is asked to end


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` units of a phase; `total` is None if it is unknown."""

    phase: Phase
    done: float
    total: float | None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """Preparation is over and training begins."""

    facts: Facts  # numbers of texts and parameters, device, precision
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Mean training loss and accuracy since the previous Step; `seconds` is training time only."""

    step: int
    epoch: float
    seconds: float
    examples: int
    loss: float
    accuracy: float
    lr: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Loss, accuracy and macro F1 on a whole split at a step; step 0 is before training.

    Evaluations of earlier versions have no macro F1.
    """

    split: Literal["val", "test"]
    step: int
    epoch: float
    seconds: float
    examples: int
    loss: float
    accuracy: float
    macro_f1: float | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """Class probabilities of each watched sentence at a step."""

    step: int
    epoch: float
    seconds: float
    examples: int
    probabilities: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """The best weights so far have been saved as a checkpoint."""

    path: Path
    step: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class Noted:
    """A note for the viewer of a run, such as a reduced batch size."""

    note: str


@dataclass(frozen=True, slots=True)
class Resumable:
    """A snapshot is about to be saved; a resumed run continues after the events so far."""

    step: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A resumed run goes on behind these points; the record lacks those it could not take before."""

    points: "tuple[Point, ...]"


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a run, with its final metrics."""

    status: Status
    message: str
    metrics: dict[str, float] = field(default_factory=dict)


class Stop(Exception):
    """Thrown into the task of a run to end it at its next event and keep the best checkpoint."""


class Pause(Exception):
    """Thrown into the task of a run to end it at its next event with a snapshot to resume from."""


Point = Step | Evaluation | Watched
Event = Progress | Started | Point | Saved | Noted | Resumable | Restored | Finished
T = TypeVar("T")
Task = Generator[Event, None, T]


def drain(task: Task[T], on_event: Callable[[Event], None] = lambda event: None) -> T:
    """Run a task to its end, pass every event to `on_event`, and return the task's result."""
    while True:
        try:
            event = next(task)
        except StopIteration as end:
            return end.value
        on_event(event)
