"""What runs next: fair between people, by priority among the runs of one person, within limits.

The person with the fewest running runs is next; among equals, the one whose last run began the longest ago,
or who has had none. Of that person's runs, the one of the highest priority is next, then the one at the
lowest place.
Nobody gains turns by many runs or a high priority, so that nobody waits for two turns of another person.

A worker asks `next_run` whenever it could execute one more run. What it starts belongs to `running` until it
ends, and the time at which it began becomes the person's entry in `turns`.
"""

import os
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, get_args

from ftcore.errors import UsageError

Priority = Literal["low", "normal", "high"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)  # rising
NEVER = float("-inf")  # the turn of a person who has begun no run


class Queued(Protocol):
    """What the order depends on; the record of a run has it, and a job of the queue."""

    @property
    def person(self) -> str: ...
    @property
    def priority(self) -> str: ...
    @property
    def place(self) -> float: ...


R = TypeVar("R", bound=Queued)


@dataclass(frozen=True)
class Limits:
    """How many runs may run at once; None is no limit."""

    total: int | None = None
    per_person: int | None = None

    @classmethod
    def of_environment(cls) -> "Limits":
        """UNFREEZE_RUNS_AT_ONCE and UNFREEZE_RUNS_PER_PERSON. Raises UsageError."""
        return cls(_limit("UNFREEZE_RUNS_AT_ONCE"), _limit("UNFREEZE_RUNS_PER_PERSON"))

    def allow(self, running: Iterable[Queued], person: str) -> bool:
        """Whether a person may begin one more run."""
        return self.admit(Counter(run.person for run in running), person)

    def admit(self, running: Counter[str], person: str) -> bool:
        """The same, given the number of running runs of each person."""
        fits = self.total is None or running.total() < self.total
        return fits and (self.per_person is None or running[person] < self.per_person)


def next_run(
    waiting: Iterable[R], running: Iterable[Queued], turns: Mapping[str, float], limits: Limits
) -> R | None:
    """The run to start now; None if none waits or the limits allow none.

    turns: when each person last began a run, as numbers that rise with time.
    """
    return _next(
        list(_heads(waiting).values()), Counter(run.person for run in running), turns, limits
    )


def order(
    waiting: Iterable[R], running: Iterable[Queued], turns: Mapping[str, float], limits: Limits
) -> list[R]:
    """The waiting runs as they will start, if all take equally long and no other comes."""
    own: dict[str, deque[R]] = {}
    for run in sorted(waiting, key=_own_order):
        own.setdefault(run.person, deque()).append(run)
    ending = deque(run.person for run in running)  # the first to begin is the first to end
    counts, turns = Counter(ending), dict(turns)
    last = max(turns.values(), default=0.0)
    ordered: list[R] = []
    while own:
        first = _next([runs[0] for runs in own.values()], counts, turns, limits)
        if first is None:  # the limits are reached: one ends
            counts[ending.popleft()] -= 1
            continue
        ordered.append(first)
        counts[first.person] += 1
        ending.append(first.person)
        last += 1
        turns[first.person] = last
        own[first.person].popleft()
        if not own[first.person]:
            del own[first.person]
    return ordered


def _next(
    heads: Iterable[R], running: Counter[str], turns: Mapping[str, float], limits: Limits
) -> R | None:
    """The next among the first runs of each person."""
    allowed = [run for run in heads if limits.admit(running, run.person)]
    return min(
        allowed,
        key=lambda run: (
            running[run.person],
            turns.get(run.person, NEVER),
            *_own_order(run),
        ),
        default=None,
    )


def _heads(waiting: Iterable[R]) -> dict[str, R]:
    """The first of the runs of each person."""
    heads: dict[str, R] = {}
    for run in waiting:
        if run.person not in heads or _own_order(run) < _own_order(heads[run.person]):
            heads[run.person] = run
    return heads


def _own_order(run: Queued) -> tuple[int, float]:
    """Sorts the runs of one person."""
    level = PRIORITIES.index(run.priority) if run.priority in PRIORITIES else 1
    return -level, run.place


def _limit(name: str) -> int | None:
    text = os.environ.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) == int(text)):
        raise UsageError(f"{name} is {text!r}; give a whole number from 1, or unset it.")
    return int(text)
