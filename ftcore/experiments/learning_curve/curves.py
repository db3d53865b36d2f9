"""The results of a learning curve: a curve for each mode, with a side of a comparison at each size."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import fmean, variance

import numpy as np

from ftcore import statistics
from ftcore.experiments import comparison, grouping
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
    def several_labels(self) -> bool:
        """Whether a text may have several labels, so that the accuracy is the share of exact matches."""
        return self._first.micro_f1 is not None

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

        The spread of the seeds is the mean over a size and its neighbours, as two or three seeds tell little
        of it, and it shrinks with the size.
        """
        sides = list(self.sides.values())
        spreads = [variance(side.scores) if len(side.results) > 1 else math.nan for side in sides]
        errors = []
        for number, side in enumerate(sides):
            near = spreads[max(0, number - 1) : number + 2]
            known = [spread for spread in near if not math.isnan(spread)]
            of_seeds = (fmean(known) / len(side.results)) ** 0.5 if known else 0.0
            errors.append(max(of_seeds, _text_error(side)))
        return np.array(errors)


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
    limits: dict[int, int] = {}
    for result in complete:
        size, limit = size_of(result), result.run.config.limit
        if limits.setdefault(size, limit) == limit:  # else it is all of them, under another name
            by_size.setdefault(size, []).append(result)
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
