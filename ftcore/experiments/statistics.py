"""How sure a figure is: intervals of 95%, and the test for two models that answered the same texts."""

import math
import statistics
from collections.abc import Sequence

import numpy as np

Interval = tuple[float, float]
_Z = statistics.NormalDist().inv_cdf(0.975)
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)  # by degrees of freedom


def wilson(share: float, count: int) -> Interval:
    """Of a share that was seen in `count` draws (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    spread = math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    half = _Z * spread / (1 + _Z**2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def student(values: Sequence[float]) -> Interval | None:
    """Of the mean of a few values (Student 1908); None for fewer than two."""
    if len(values) < 2:
        return None
    free = len(values) - 1
    # Beyond the table, the first terms of Cornish and Fisher's expansion, right to a part in 800.
    far = (_Z**3 + _Z) / (4 * free) + (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / (96 * free**2)
    quantile = _T[free - 1] if free <= len(_T) else _Z + far
    half = quantile * statistics.stdev(values) / math.sqrt(len(values))
    middle = statistics.fmean(values)
    return middle - half, middle + half


def paired(differences: np.ndarray) -> Interval:
    """Of the mean of many differences, by the normal approximation; `differences` is [texts]."""
    half = _Z * float(differences.std(ddof=1)) / math.sqrt(len(differences))
    middle = float(differences.mean())
    return middle - half, middle + half


def unpaired(first: float, of_first: Interval, second: float, of_second: Interval) -> Interval:
    """Of the difference of two shares, from the interval of each (Newcombe 1998, method 10)."""
    below = math.hypot(first - of_first[0], of_second[1] - second)
    above = math.hypot(of_first[1] - first, second - of_second[0])
    return first - second - below, first - second + above


def mcnemar(first: int, second: int) -> float:
    """Exact two-sided p for the texts that one of two models alone has right (McNemar 1947)."""
    count = first + second
    ways = tail = 1
    for number in range(min(first, second)):
        ways = ways * (count - number) // (number + 1)
        tail += ways
    return min(1.0, 2 * tail / 2**count)
