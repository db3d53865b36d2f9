"""What a long task says while it works: small frozen records, yielded one after the other.

Whatever takes over a second is a generator of these that returns its result, so one task can
`yield from` another, the consumer decides where the records go (a page, MLflow, a terminal), and
closing the generator cancels the work at the next record.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

Phase = Literal[
    "waiting",
    "downloading",
    "reading",
    "encoding",
    "vectors",
    "features",
    "training",
    "evaluating",
    "testing",
    "looking inside",
    "saving",
    "done",
]
Status = Literal["queued", "running", "paused", "finished", "stopped", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` units of a named phase; `total` is None where nobody knows it."""

    phase: Phase
    done: float
    total: float | None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """All is prepared and training begins. Sizes are numbers of texts and of parameters."""

    facts: dict[str, str | int | float]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """Mean training loss and accuracy since the last such record; `seconds` of training alone."""

    step: int
    epoch: float
    seconds: float
    examples: int
    loss: float
    accuracy: float
    lr: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Loss and accuracy over the whole of a split, at a step (0 is before training)."""

    split: Literal["val", "test"]
    step: int
    epoch: float
    seconds: float
    examples: int
    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Watched:
    """What the model says of the watched sentences at a step: a probability a class for each."""

    step: int
    epoch: float
    seconds: float
    examples: int
    probabilities: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """The best weights so far are on disk, in a checkpoint folder that can be used at once."""

    path: Path
    step: int
    accuracy: float


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that a viewer should know, found out while the run went on."""

    note: str


@dataclass(frozen=True, slots=True)
class Resumable:
    """The state of the run is about to be kept: it will go on behind all that was said so far."""

    step: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a run, with the figures that its last line, its card and its notice show."""

    status: Status
    message: str
    metrics: dict[str, float] = field(default_factory=dict)


class Stop(Exception):
    """Thrown into the task of a run to end it at its next event and keep the best so far."""


class Pause(Exception):
    """Thrown into the task of a run to end it at its next event, so that it can be resumed there."""


Event = Progress | Started | Step | Evaluation | Watched | Saved | Noted | Resumable | Finished
T = TypeVar("T")
Task = Generator[Event, None, T]


def drain(task: Task[T], on_event: Callable[[Event], None] = lambda event: None) -> T:
    """Run a task to its end, hand every record to `on_event`, and return the task's result."""
    while True:
        try:
            event = next(task)
        except StopIteration as end:
            return end.value
        on_event(event)
