"""Where learning curves cross, with an interval from a bootstrap over seeds and test texts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ftcore.experiments.comparison import Side
from ftcore.experiments.learning_curve.curves import Curve

REPLICATES = 400
_CHUNK = 40  # replicates at once: their weights of 25,000 texts take 4 MB
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
        ahead = np.array(
            [first.sides[size].test_accuracy - second.sides[size].test_accuracy for size in sizes]
        )
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
    """Test accuracies of each curve and size in bootstrap replicates, float64 [REPLICATES].

    A replicate draws test texts with replacement, the same for all curves, and at each size the seeds, the
    same for all curves with these seeds (Efron 1979). Runs whose answers were not kept, or are for other
    texts, draw their number of right answers instead.
    """
    random = np.random.default_rng(0)
    sides = [(curve.label, size, side) for curve in curves for size, side in curve.sides.items()]
    texts = next((len(side.correct) for *_, side in sides if side.correct is not None), 0)
    by_run = {id(side): _correct(side, texts) for *_, side in sides}
    known = [rows for rows in by_run.values() if rows is not None]
    right = np.concatenate(known) if known else np.zeros((1, 0), np.float32)
    shares = np.concatenate(list(_weighted_means(right, random)))
    draws: dict[tuple[int, ...], np.ndarray] = {}
    accuracies, column = {}, 0
    for label, size, side in sides:
        seeds, rows = (size, *side.by_seed), by_run[id(side)]
        if seeds not in draws:
            runs = len(side.results)
            draws[seeds] = random.multinomial(runs, np.full(runs, 1 / runs), REPLICATES) / runs
        if rows is None:
            of_runs = _binomial(side, random)
        else:
            of_runs = shares[:, column : column + len(rows)]
            column += len(rows)
        accuracies[label, size] = (draws[seeds] * of_runs).sum(1)
    return accuracies


def _correct(side: Side, texts: int) -> np.ndarray | None:
    """Which texts each run has right, float32 [runs, texts]; None if it is not known of these texts."""
    rows = [result.correct for result in side.results]
    if any(row is None or len(row) != texts for row in rows):
        return None
    return np.array(rows, np.float32)


def _weighted_means(right: np.ndarray, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Shares of right texts, each counted as often as it was drawn, [replicates, runs] in chunks."""
    for _ in range(0, REPLICATES, _CHUNK):
        # As often as a Poisson number of mean 1 says, which comes to the same for many texts.
        weights = random.poisson(1.0, (_CHUNK, right.shape[1])).astype(np.float32)
        yield (weights @ right.T / weights.sum(1, keepdims=True).clip(min=1)).astype(float)


def _binomial(side: Side, random: np.random.Generator) -> np.ndarray:
    """Accuracies of a side's runs on other texts, [REPLICATES, runs]."""
    texts = max(side.test_texts, 1)
    return random.binomial(texts, side.test_accuracies, (REPLICATES, len(side.results))) / texts
