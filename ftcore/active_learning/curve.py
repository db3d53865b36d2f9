"""Whether choosing pays: both arms with the same number of labels, on the same held-out texts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ftcore import statistics
from ftcore.formatting import FEW_TEXTS, count, percent, points

LEAST_PAIRS = 10  # labels of each arm beside the start, below which nothing is said


@dataclass(frozen=True)
class Point:
    """Both arms with so many labels each, the common start among them."""

    labels: int
    held_out: int
    """Texts on which they were measured."""
    chosen: float
    """Share of these that the model of the chosen texts has right."""
    random: float
    margin: float
    """Half of the 95% interval of the difference, for other held-out texts."""


def sizes(pairs: int) -> list[int]:
    """At how many labels beside the start both arms are measured: every ten, later fewer, and the last."""
    steps = [*range(0, 100, 10), *range(100, 500, 50), *range(500, pairs + 1, 250)]
    return [*(step for step in steps if step < pairs), pairs]


def point(labels: int, truth: np.ndarray, chosen: np.ndarray, random: np.ndarray) -> Point:
    """Compare the answers of two models, int64 [texts]; paired by text."""
    right, of_random = chosen == truth, random == truth
    difference = right.astype(float) - of_random
    margin = statistics.width(statistics.paired(difference)) / 2 if len(truth) > 1 else math.inf
    return Point(labels, len(truth), float(right.mean()), float(of_random.mean()), margin)


def verdict(points_so_far: Sequence[Point], pairs: int) -> str:
    """The sentence on what choosing has bought so far."""
    if pairs < LEAST_PAIRS:
        return (
            f"Whether choosing pays is said once each arm has {LEAST_PAIRS} labels of its own; there are "
            f"{count(pairs)}."
        )
    if not points_so_far:
        return "Whether choosing pays is said once the models have learned from the labels, in a moment."
    last = points_so_far[-1]
    if last.held_out < FEW_TEXTS:
        return (
            f"Whether choosing pays is said once {FEW_TEXTS} held-out texts have a label; there are "
            f"{count(last.held_out)}."
        )
    gain = last.chosen - last.random
    figures = (
        f"with {count(last.labels)} labels each, the model of the chosen texts has {percent(last.chosen)} "
        f"of {count(last.held_out)} held-out texts right, that of random ones {percent(last.random)}"
    )
    difference = f"{points(gain, last.margin)} {'more' if gain >= 0 else 'fewer'}"
    if gain > last.margin:
        return f"Choosing pays: {figures} ({difference})."
    if -gain > last.margin:
        return f"Choosing costs accuracy: {figures} ({difference})."
    return f"No gain yet: {figures} (a difference of {difference.rpartition(' ')[0]})."
