"""95% intervals, and McNemar's test for two models on the same texts."""

import math
from collections.abc import Sequence

import numpy as np

Interval = tuple[float, float]
_Z = 1.959963984540054  # 97.5% of the standard normal distribution lie below


def wilson(share: float, count: int) -> Interval:
    """Interval of a share observed in `count` draws (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    spread = math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    half = _Z * spread / (1 + _Z**2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def student(values: Sequence[float]) -> Interval | None:
    """Interval of the mean of a few values (Student 1908); None for fewer than two."""
    if len(values) < 2:
        return None
    from scipy import special  # late: the help of a command does without

    quantile = float(special.stdtrit(len(values) - 1, 0.975))
    return _around_mean(np.array(values), quantile)


def paired(differences: np.ndarray) -> Interval:
    """Interval of the mean of many differences [texts], by the normal approximation."""
    return _around_mean(differences, _Z)


def _around_mean(values: np.ndarray, quantile: float) -> Interval:
    middle = float(values.mean())
    half = quantile * float(values.std(ddof=1)) / math.sqrt(len(values))
    return middle - half, middle + half


def unpaired(first: float, of_first: Interval, second: float, of_second: Interval) -> Interval:
    """Interval of the difference of two shares, given the interval of each (Newcombe 1998, method 10)."""
    below = math.hypot(first - of_first[0], of_second[1] - second)
    above = math.hypot(of_first[1] - first, second - of_second[0])
    return first - second - below, first - second + above


def mcnemar(first: int, second: int) -> float:
    """Exact two-sided p value for the numbers of texts that only one model has right (McNemar 1947)."""
    from scipy import special

    return min(1.0, 2 * float(special.bdtr(min(first, second), first + second, 0.5)))


def width(interval: Interval) -> float:
    """Length of an interval."""
    return interval[1] - interval[0]
