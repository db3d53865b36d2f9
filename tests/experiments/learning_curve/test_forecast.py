"""The forecast of more labels, against laws that are known."""

import numpy as np
import pytest

from ftcore.experiments.learning_curve import curves, forecast
from tests.helpers import fake_results

SIZES = (50, 100, 200, 400, 800, 1600)


def law(size, asymptote=0.92, scale=1.5, exponent=-0.5):
    return asymptote - scale * np.asarray(size, float) ** exponent


def test_points_of_a_law_give_back_the_law():
    fitted = forecast.fit(SIZES, law(SIZES), np.full(6, 0.001))
    accuracy, (low, high) = fitted.at(6400)
    assert accuracy == pytest.approx(law(6400), abs=0.001)
    assert low < law(6400) < high
    gain, _ = fitted.gain(1600, 3200)
    assert gain == pytest.approx(law(3200) - law(1600), abs=0.001)


def test_an_accurate_point_counts_more_than_a_noisy_one():
    points, errors = law(SIZES), np.full(6, 0.002)
    points[-1] += 0.05
    errors[-1] = 0.2
    accuracy, _ = forecast.fit(SIZES, points, errors).at(1600)
    assert accuracy == pytest.approx(law(1600), abs=0.005)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    random, held = np.random.default_rng(1), []
    for _ in range(60):
        points = law(SIZES) + random.normal(0, 0.01, len(SIZES))
        _, (low, high) = forecast.fit(SIZES, points, np.full(6, 0.01)).at(3200)
        held.append(low <= law(3200) <= high)
    assert np.mean(held) > 0.85


@pytest.mark.parametrize(
    "points",
    [(0.5, 0.5, 0.5, 0.5), (0.9, 0.8, 0.7, 0.6), (0.97, 0.99, 1.0, 1.0), (0.5, 0.6, 0.75, 1)],
)
def test_any_curve_gets_accuracies_between_0_and_1(points):
    fitted = forecast.fit(SIZES[:4], np.array(points), np.full(4, 0.01))
    for size in (1, 50, 10**6):
        accuracy, (low, high) = fitted.at(size)
        assert 0 <= low <= high <= 1 and 0 <= accuracy <= 1


def made(rights):
    sizes = dict(zip(SIZES, rights, strict=False))
    [curve] = curves.curves(fake_results.learning_curve({"full": sizes}))
    return curve


def test_the_forecast_is_checked_at_the_largest_size():
    follows = made((708, 770, 814, 845, 867, 882))
    check = forecast.check(follows)
    assert (check.size, check.smaller) == (1600, 800)
    assert check.passed and check.predicted == pytest.approx(0.882, abs=0.01)
    breaks = made((708, 770, 814, 845, 867, 400))
    assert not forecast.check(breaks).passed


def test_few_sizes_have_no_forecast_or_no_check():
    assert forecast.forecast(made((700, 800))) is None
    assert forecast.forecast(made((700, 800, 850))) is not None
    assert forecast.check(made((700, 800, 850))) is None


def test_the_noise_of_small_sizes_does_not_drown_large_ones():
    wide, narrow = (500, 600, 700), (799, 800, 801)
    results = [
        fake_results.result("full", right, seed, limit=size)
        for size, rights in (
            (50, wide),
            (100, wide),
            (200, narrow),
            (400, narrow),
            (800, narrow[:1]),
        )
        for seed, right in enumerate(rights)
    ]
    [curve] = curves.curves(results)
    assert curve.errors[0] == pytest.approx(0.1 / 3**0.5, rel=0.01)
    assert curve.errors[3:] == pytest.approx([0.0126, 0.0126], rel=0.02)  # of 1,000 test texts
