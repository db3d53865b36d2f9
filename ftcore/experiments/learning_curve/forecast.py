"""What more labels would bring: an inverse power law through a learning curve (Figueroa et al. 2012).

accuracy(n) = asymptote - scale * n ** exponent, with asymptote <= 1, scale >= 0 and exponent < 0. The points
are weighted by their inverse variance. For a given exponent the other two are linear, so each exponent of a
grid has its exact weighted least squares fit (Golub & Pereyra 1973, variable projection). Intervals come from
fits to points with normal noise of their standard errors (parametric bootstrap). They take the law for
granted, so they may be too narrow, as Figueroa et al. say of theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ftcore.experiments.learning_curve.curves import Curve
from ftcore.statistics import Interval

REPLICATES = 400
EXPONENTS = -np.geomspace(0.03, 2.0, 240)
_PARAMETERS = 3
_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class Forecast:
    """A fitted law: the first row is the fit to the points, the others those to replicates of them."""

    asymptotes: np.ndarray
    """float64 [1 + REPLICATES]"""
    scales: np.ndarray
    exponents: np.ndarray

    def at(self, size: float) -> tuple[float, Interval]:
        """The accuracy at a number of texts, and its 95% interval."""
        return _value_and_interval(self._accuracies(size))

    def gain(self, size: float, larger: float) -> tuple[float, Interval]:
        """What `larger` instead of `size` texts bring, and its 95% interval."""
        return _value_and_interval(self._accuracies(larger) - self._accuracies(size))

    def _accuracies(self, size: float) -> np.ndarray:
        accuracies = self.asymptotes - self.scales * size**self.exponents
        return accuracies.clip(0.0, 1.0)


@dataclass(frozen=True)
class Check:
    """A forecast for the largest size, from all smaller ones, against what was measured there."""

    size: int
    smaller: int
    """The largest of the smaller sizes."""
    predicted: float
    interval: Interval
    measured: float
    measured_interval: Interval

    @property
    def passed(self) -> bool:
        """Whether the two intervals meet."""
        return (
            self.interval[0] <= self.measured_interval[1]
            and self.measured_interval[0] <= self.interval[1]
        )


def forecast(curve: Curve) -> Forecast | None:
    """The law of a curve; None with fewer sizes than it has parameters."""
    if len(curve.sizes) < _PARAMETERS:
        return None
    return fit(curve.sizes, curve.scores, curve.errors)


def check(curve: Curve) -> Check | None:
    """The forecast for the largest size of a curve, from all others; None with fewer than four sizes."""
    if len(curve.sizes) <= _PARAMETERS:
        return None
    smaller = fit(curve.sizes[:-1], curve.scores[:-1], curve.errors[:-1])
    size, side = curve.sizes[-1], curve.sides[curve.sizes[-1]]
    predicted, interval = smaller.at(size)
    return Check(size, curve.sizes[-2], predicted, interval, side.score, side.interval)


def fit(sizes: Sequence[int], accuracies: np.ndarray, errors: np.ndarray) -> Forecast:
    """The law through points with standard errors [sizes], of three sizes or more."""
    noise = np.random.default_rng(0).normal(size=(REPLICATES, len(sizes)))
    points = np.concatenate([accuracies[None], accuracies + noise * errors])
    weights = 1 / errors**2
    powers = np.array(sizes, float)[None] ** EXPONENTS[:, None]
    asymptotes, scales = _linear_fits(points, powers, weights)
    fitted = asymptotes[..., None] - scales[..., None] * powers
    losses = (weights * (points[:, None] - fitted) ** 2).sum(-1)
    best = losses.argmin(1)
    row = np.arange(len(points))
    return Forecast(asymptotes[row, best], scales[row, best], EXPONENTS[best])


def _linear_fits(
    points: np.ndarray, powers: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Asymptotes and scales by weighted least squares, each [rows, exponents].

    points: [rows, sizes]; powers: size ** exponent [exponents, sizes].
    """
    weights = weights / weights.sum()
    mean_power = powers @ weights
    mean_point = points @ weights
    centred = powers - mean_power[:, None]
    scales = -(points @ (weights * centred).T) / (weights * centred**2).sum(1)
    scales = scales.clip(min=0)  # a falling curve has none, and its mean as the asymptote
    asymptotes = mean_point[:, None] + scales * mean_power
    beyond = asymptotes > 1  # where the best is at the bound of 1
    bounded = ((1 - points) @ (weights * powers).T) / (weights * powers**2).sum(1)
    return np.where(beyond, 1.0, asymptotes), np.where(beyond, bounded.clip(min=0), scales)


def _value_and_interval(values: np.ndarray) -> tuple[float, Interval]:
    low, high = np.percentile(values[1:], _PERCENTILES)
    return float(values[0]), (float(low), float(high))
