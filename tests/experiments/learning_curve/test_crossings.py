"""Where curves cross, against curves that are known to."""

from dataclasses import replace

import numpy as np
import pytest

from ftcore.experiments.learning_curve import crossings, curves
from tests.helpers.fake_results import TEXTS, learning_curve, result


def found(rights, **more):
    return crossings.crossings(curves.curves(learning_curve(rights, **more)))


def test_curves_cross_between_the_sizes_on_a_log_scale():
    [crossing] = found({"full": {100: 700, 400: 900}, "last-layer": {100: 800, 400: 800}})
    assert (crossing.before, crossing.after) == ("Last layer", "Full")
    assert crossing.size == pytest.approx(200)
    assert 100 < crossing.low < 200 < crossing.high < 400


@pytest.mark.parametrize(
    ("ahead", "size"),
    [
        ([-1, 1, 1], 20),
        ([-1, -1, 3], 40 * 2**0.25),
        ([1, 1, 1], 10),
        ([1, -1, 1], 80 / 2**0.5),
        ([-1, 1, -1], np.inf),
    ],
)
def test_a_curve_stays_ahead_from_its_last_crossing_on(ahead, size):
    assert crossings.crossing_size([10, 40, 80], np.array(ahead)) == pytest.approx(size)


def test_an_interval_that_reaches_beyond_what_was_measured_is_open():
    rights = {"full": {100: 795, 400: 810}, "last-layer": {100: 800, 400: 805}}
    unpaired = [replace(each, diagnostics=None) for each in learning_curve(rights)]
    [crossing] = crossings.crossings(curves.curves(unpaired))
    assert crossing.low is None and crossing.high is None
    assert crossing.values()["low"] is None
    assert found({"full": {100: 850, 400: 900}, "last-layer": {100: 800, 400: 800}}) == []


def test_answers_to_the_same_texts_make_the_interval_narrower():
    rights = {"full": {100: 780, 400: 830}, "last-layer": {100: 800, 400: 800}}
    [paired] = found(rights)
    unpaired = [replace(each, diagnostics=None) for each in learning_curve(rights)]
    [crossing] = crossings.crossings(curves.curves(unpaired))
    assert crossing.size == paired.size
    wide = (crossing.high or 400) - (crossing.low or 100)
    assert (paired.high or 400) - (paired.low or 100) < wide


def test_seeds_widen_the_interval_as_texts_do():
    """The texts are all right or all wrong for both curves, so that only the seeds differ."""
    right = np.arange(TEXTS) < 800
    shifts = (-40, 0, 40)
    results = [
        result(mode, right & ~(np.arange(TEXTS) < max(0, -shift - up)), seed, limit=size)
        for seed, shift in enumerate(shifts)
        for mode, size, up in (("full", 100, -30), ("full", 400, 10), ("last-layer", 100, 0))
    ]
    results += [result("last-layer", right, seed, limit=400) for seed in range(3)]
    resampled = crossings.resample(curves.curves(results))
    spread = resampled["Full", 100] - resampled["Last layer", 100]
    assert spread.std() > 0.005


def test_replicates_are_the_same_at_every_call():
    made = curves.curves(learning_curve({"full": {100: 700, 400: 900}}))
    first, again = crossings.resample(made), crossings.resample(made)
    assert all((first[key] == again[key]).all() for key in first)
    assert first["Full", 400].mean() == pytest.approx(0.9, abs=0.005)
    assert first["Full", 400].std() == pytest.approx((0.9 * 0.1 / TEXTS) ** 0.5, rel=0.2)
