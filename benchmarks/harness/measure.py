"""Sides that take turns, so that a noisy machine is noisy for all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

WARM_UP = 0.3  # of a turn


@dataclass(frozen=True)
class Stretch:
    """A piece of training: its seconds, and the reviews that it took. Validation is never in it."""

    seconds: float
    reviews: int


Side = Iterator[Stretch]


@dataclass
class Pace:
    """What one side did in each of its turns."""

    seconds: list[float] = field(default_factory=list)
    reviews: list[int] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Reviews a second over all turns together."""
        return sum(self.reviews) / sum(self.seconds)

    @property
    def turns(self) -> list[float]:
        """Reviews a second in each turn."""
        return [
            reviews / seconds for reviews, seconds in zip(self.reviews, self.seconds, strict=True)
        ]


@dataclass(frozen=True)
class Plan:
    """How often the sides take turns, and for how many seconds each."""

    rounds: int
    seconds: float


def take_turns(sides: Mapping[str, Side], plan: Plan, into: dict[str, Pace]) -> None:
    """Let every side train in turns as planned; what was measured is added to `into`.

    A side without a pace yet warms up first.
    """
    for name, side in sides.items():
        if name not in into:
            into[name] = Pace()
            _turn(side, WARM_UP * plan.seconds)
    for _ in range(plan.rounds):
        for name, side in sides.items():
            spent, reviews = _turn(side, plan.seconds)
            into[name].seconds.append(spent)
            into[name].reviews.append(reviews)


def ratio(one: Pace, other: Pace) -> float:
    """How many times as fast as the other one is."""
    return one.per_second / other.per_second


def ratios(one: Pace, other: Pace) -> list[float]:
    """The same for each round."""
    return [a / b for a, b in zip(one.turns, other.turns, strict=True)]


def _turn(side: Side, seconds: float) -> tuple[float, int]:
    spent, reviews = 0.0, 0
    while spent < seconds:
        stretch = next(side)
        spent += stretch.seconds
        reviews += stretch.reviews
    return spent, reviews
