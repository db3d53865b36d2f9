"""Throughput of training loops that take turns, so that a noisy machine slows all of them alike."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

WARM_UP = 0.3  # of a turn


class TimedSteps(NamedTuple):
    """Some training steps: their seconds, validation excluded, and how many reviews they took."""

    seconds: float
    reviews: int


Loop = Iterator[TimedSteps]


@dataclass
class Throughput:
    """What one loop did in each of its turns."""

    turns: list[TimedSteps] = field(default_factory=list)

    @property
    def overall(self) -> float:
        """Reviews a second over all turns together."""
        seconds, reviews = map(sum, zip(*self.turns, strict=True))
        return reviews / seconds

    @property
    def by_turn(self) -> list[float]:
        """Reviews a second in each turn."""
        return [turn.reviews / turn.seconds for turn in self.turns]


class Schedule(NamedTuple):
    """How many turns each loop has, and the seconds of one."""

    rounds: int
    seconds: float


def interleave(
    loops: Mapping[str, Loop], schedule: Schedule, results: dict[str, Throughput]
) -> None:
    """Run the loops in turns and add what was measured to `results`.

    A loop that has no result yet warms up first.
    """
    for name, loop in loops.items():
        if name not in results:
            results[name] = Throughput()
            _turn(loop, WARM_UP * schedule.seconds)
    for _ in range(schedule.rounds):
        for name, loop in loops.items():
            results[name].turns.append(_turn(loop, schedule.seconds))


def milliseconds(work: Callable[[], object], count: int, pause: float) -> list[float]:
    """Milliseconds of each of `count` calls, with a pause in seconds before each."""
    times = []
    for _ in range(count):
        time.sleep(pause)
        clock = time.perf_counter()
        work()
        times.append((time.perf_counter() - clock) * 1000)
    return times


def _turn(loop: Loop, seconds: float) -> TimedSteps:
    spent, reviews = 0.0, 0
    while spent < seconds:
        steps = next(loop)
        spent += steps.seconds
        reviews += steps.reviews
    return TimedSteps(spent, reviews)
