"""The results of a learning curve: a curve for each mode, with a side of a comparison at each size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, variance

import numpy as np

from ftcore.experiments import comparison, grouping, statistics
from ftcore.experiments.comparison import Pair, Side
from ftcore.experiments.result import Measure, Result

_NORMAL = 1.96  # standard errors in half of a 95% interval
_LEAST_ERROR = 1e-4


@dataclass(frozen=True, eq=False)
class Curve:
    """A mode at several numbers of training texts, which are the keys of `sides`, ascending."""

    label: str
    sides: dict[int, Side]

    @property
    def mode(self) -> str:
        return self._first.mode

    @property
    def is_reference(self) -> bool:
        return self._first.is_reference

    @property
    def measure(self) -> Measure:
        return self._first.measure

    @property
    def _first(self) -> Side:
        return next(iter(self.sides.values()))

    @property
    def sizes(self) -> list[int]:
        return list(self.sides)

    @property
    def scores(self) -> np.ndarray:
        """Mean test accuracy or macro F1 at each size, float64 [sizes]."""
        return np.array([side.score for side in self.sides.values()])

    @cached_property
    def errors(self) -> np.ndarray:
        """Standard error of each mean, float64 [sizes]: that of the seeds or that of the texts, the larger.

        The spread of the seeds is pooled over the sizes, as two or three of them tell little of it.
        """
        sides = self.sides.values()
        spreads = [variance(side.scores) for side in sides if len(side.results) > 1]
        spread = fmean(spreads) if spreads else 0.0
        return np.array(
            [max((spread / len(side.results)) ** 0.5, _text_error(side)) for side in sides]
        )


def _text_error(side: Side) -> float:
    """Standard error of a score for other test texts; never 0, also where all are right."""
    return max(statistics.width(side.text_interval) / (2 * _NORMAL), _LEAST_ERROR)


def curves(results: Sequence[Result], measure: Measure | None = None) -> list[Curve]:
    """The curves of the complete results by a measure, references last.

    By default it is macro F1 if the best models of all runs were kept by it, else accuracy.
    """
    complete = [result for result in results if result.complete]
    measure = measure or comparison.measure_of(complete)
    by_size: dict[int, list[Result]] = {}
    for result in complete:
        by_size.setdefault(size_of(result), []).append(result)
    sides: dict[str, dict[int, Side]] = {}
    for size, group in sorted(by_size.items()):
        for side in comparison.sides(group):
            sides.setdefault(side.label, {})[size] = replace(side, measure=measure)
    found = [Curve(label, by_size) for label, by_size in sides.items()]
    return sorted(found, key=lambda curve: grouping.mode_rank(curve.mode))


def size_of(result: Result) -> int:
    """The number of texts that a run trained on."""
    return int(result.run.facts.get("train_texts", result.run.config.limit))


def pairs(first: Curve, second: Curve) -> dict[int, Pair]:
    """Two curves compared, by the sizes that both have."""
    return {
        size: Pair(side, second.sides[size])
        for size, side in first.sides.items()
        if size in second.sides
    }


def largest(results: Sequence[Result]) -> list[Result]:
    """Of each mode the run with most texts, and the first of its seeds."""
    by_mode: dict[str, Result] = {}
    for result in results:
        best = by_mode.get(result.run.config.mode)
        if best is None or size_of(result) > size_of(best):
            by_mode[result.run.config.mode] = result
    return list(by_mode.values())
