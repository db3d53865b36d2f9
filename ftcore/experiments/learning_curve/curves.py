"""The results of a learning curve: a curve for each mode, with a side of a comparison at each size."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, variance

import numpy as np

from ftcore.experiments import comparison, grouping
from ftcore.experiments.comparison import Pair, Side
from ftcore.experiments.result import Result


@dataclass(frozen=True, eq=False)
class Curve:
    """A mode at several numbers of training texts, which are the keys of `sides`, ascending."""

    label: str
    sides: dict[int, Side]

    @property
    def mode(self) -> str:
        return next(iter(self.sides.values())).mode

    @property
    def is_reference(self) -> bool:
        return next(iter(self.sides.values())).is_reference

    @property
    def sizes(self) -> list[int]:
        return list(self.sides)

    @property
    def accuracies(self) -> np.ndarray:
        """Mean test accuracy at each size, float64 [sizes]."""
        return np.array([side.test_accuracy for side in self.sides.values()])

    @cached_property
    def errors(self) -> np.ndarray:
        """Standard error of each mean, float64 [sizes]: that of the seeds or that of the texts, the larger.

        The spread of the seeds is pooled over the sizes, as two or three of them tell little of it.
        """
        spreads = [
            variance(side.test_accuracies) for side in self.sides.values() if len(side.results) > 1
        ]
        spread = fmean(spreads) if spreads else 0.0
        return np.array(
            [
                max(spread / len(side.results), _text_variance(side)) ** 0.5
                for side in self.sides.values()
            ]
        )


def _text_variance(side: Side) -> float:
    """Variance of an accuracy for other test texts; never 0, also where all are right."""
    texts = max(side.test_texts, 1)
    share = (side.test_accuracy * texts + 1) / (texts + 2)
    return share * (1 - share) / texts


def curves(results: Sequence[Result]) -> list[Curve]:
    """The curves of the complete results, references last."""
    by_size: dict[int, list[Result]] = {}
    for result in results:
        if result.complete:
            by_size.setdefault(size_of(result), []).append(result)
    sides: dict[str, dict[int, Side]] = {}
    for size, group in sorted(by_size.items()):
        for side in comparison.sides(group):
            sides.setdefault(side.label, {})[size] = side
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
