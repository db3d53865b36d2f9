"""Where learning curves cross, with an interval from a bootstrap over seeds and test texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ftcore import answers as answering
from ftcore.experiments import macro_f1
from ftcore.experiments.comparison import Side
from ftcore.experiments.learning_curve.curves import Curve

REPLICATES = 400
_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class Crossing:
    """From `size` training texts on, `after` stays ahead of `before`."""

    before: str
    """The label of a curve."""
    after: str
    size: float
    low: float | None
    """95% interval of `size`; None where it reaches below the smallest number of texts, or beyond the
    largest."""
    high: float | None

    def values(self) -> dict[str, Any]:
        """As JSON values."""
        ends = {"low": self.low, "high": self.high}
        return {"before": self.before, "after": self.after, "size": round(self.size)} | {
            name: None if end is None else round(end) for name, end in ends.items()
        }


def crossings(curves: Sequence[Curve]) -> list[Crossing]:
    """The last crossing of each two curves, for which they need two common sizes."""
    resampled = resample(curves)
    found = []
    for first, second in combinations(curves, 2):
        sizes = [size for size in first.sizes if size in second.sides]
        if len(sizes) < 2:
            continue
        ahead = np.array([first.sides[size].score - second.sides[size].score for size in sizes])
        after, before = (first, second) if ahead[-1] > 0 else (second, first)
        at = crossing_size(sizes, ahead if after is first else -ahead)
        if not sizes[0] < at < np.inf:
            continue
        differences = np.stack(
            [resampled[after.label, size] - resampled[before.label, size] for size in sizes], axis=1
        )
        places = [crossing_size(sizes, difference) for difference in differences]
        # Between two finite places, or an infinite one itself.
        low, high = np.percentile(places, _PERCENTILES, method="nearest")
        found.append(
            Crossing(
                before.label,
                after.label,
                at,
                float(low) if low > sizes[0] else None,
                float(high) if high < np.inf else None,
            )
        )
    return found


def crossing_size(sizes: Sequence[int], ahead: np.ndarray) -> float:
    """From how many texts on a curve stays ahead, by how far it is ahead at each size [sizes].

    Between two sizes the difference is linear in the logarithm of the size. The smallest size if the curve is
    ahead throughout, infinity if it is not at the largest.
    """
    if ahead[-1] <= 0:
        return np.inf
    behind = np.flatnonzero(ahead <= 0)
    if not len(behind):
        return float(sizes[0])
    last = behind[-1]
    share = -ahead[last] / (ahead[last + 1] - ahead[last])
    left, right = np.log(sizes[last]), np.log(sizes[last + 1])
    return float(np.exp(left + share * (right - left)))


def resample(curves: Sequence[Curve]) -> dict[tuple[str, int], np.ndarray]:
    """Scores of each curve and size in bootstrap replicates, float64 [REPLICATES].

    A replicate draws test texts with replacement, the same for all curves, and at each size the seeds, the
    same for all curves with these seeds (Efron 1979). Runs whose answers were not kept, or are for other
    texts, draw the number of their right answers instead.
    """
    random = np.random.default_rng(0)
    sides = [(curve.label, size, side) for curve in curves for size, side in curve.sides.items()]
    truth = next((side.truth for *_, side in sides if side.answers is not None), None)
    weights = np.zeros((REPLICATES, 0), np.float32)
    if truth is not None:
        # As often as a Poisson number of mean 1 says, which comes to the same for many texts.
        weights = random.poisson(1.0, (REPLICATES, len(truth))).astype(np.float32)
    draws: dict[tuple[int, ...], np.ndarray] = {}
    scores = {}
    for label, size, side in sides:
        seeds, runs = (size, *side.by_seed), len(side.results)
        if seeds not in draws:
            draws[seeds] = random.multinomial(runs, np.full(runs, 1 / runs), REPLICATES) / runs
        if side.answers is not None and np.array_equal(side.truth, truth):  # type: ignore[arg-type]
            of_runs = _weighted(side, weights)
        else:
            of_runs = _binomial(side, random)
        scores[label, size] = (draws[seeds] * of_runs).sum(1)
    return scores


def _weighted(side: Side, weights: np.ndarray) -> np.ndarray:
    """Scores of a side's runs if each test text counts as often as its weight, [replicates, runs]."""
    assert side.answers is not None and side.truth is not None
    if side.measure == "macro-f1":
        return np.stack(
            [
                macro_f1.weighted(side.truth, answers, side.classes, weights)
                for answers in side.answers
            ],
            axis=1,
        )
    right = np.stack([answering.right(side.truth, each) for each in side.answers]).astype(
        np.float32
    )
    return (weights @ right.T / weights.sum(1, keepdims=True)).astype(float)


def _binomial(side: Side, random: np.random.Generator) -> np.ndarray:
    """Scores of a side's runs on other texts, [REPLICATES, runs]."""
    texts = max(side.test_texts, 1)
    return random.binomial(texts, side.scores, (REPLICATES, len(side.results))) / texts
