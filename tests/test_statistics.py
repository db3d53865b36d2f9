"""Intervals and McNemar's test against SciPy, and how often an interval covers the truth."""

import numpy as np
import pytest
from scipy import stats

from ftcore import statistics
from tests.helpers.fake_results import TEXTS


@pytest.mark.parametrize(("share", "count"), [(0.931, 1000), (0.5, 10), (1.0, 40), (0.0, 7)])
def test_wilson_is_scipys(share, count):
    known = stats.binomtest(round(share * count), count).proportion_ci(method="wilson")
    assert statistics.wilson(share, count) == pytest.approx((known.low, known.high), abs=1e-12)


@pytest.mark.parametrize("count", [2, 3, 60])
def test_students_interval_is_scipys(count):
    values = np.random.default_rng(count).normal(0.9, 0.01, count)
    known = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert statistics.student(list(values)) == pytest.approx((known.low, known.high), abs=1e-9)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (12, 3), (5, 5), (1200, 1300)])
def test_mcnemar_is_the_exact_binomial_test(first, second):
    known = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert statistics.mcnemar(first, second) == pytest.approx(known, rel=1e-9)


def test_a_95_percent_interval_covers_19_of_20_times():
    """Two models of 80% and 76% that often fail on the same texts."""
    draw = np.random.default_rng(0)
    hits = {"paired": 0, "unpaired": 0}
    for _ in range(400):
        hard = draw.random(TEXTS) < 0.15
        first, second = (~hard & (draw.random(TEXTS) < share / 0.85) for share in (0.80, 0.76))
        low, high = statistics.paired(first * 1.0 - second)
        hits["paired"] += low <= 0.04 <= high
        ends = [statistics.wilson(right.mean(), TEXTS) for right in (first, second)]
        low, high = statistics.unpaired(first.mean(), ends[0], second.mean(), ends[1])
        hits["unpaired"] += low <= 0.04 <= high
    assert 0.92 < hits["paired"] / 400 < 0.98
    assert hits["unpaired"] >= hits["paired"]  # it does not know that they fail alike
