"""The interval of macro F1, against drawing whole texts again one by one."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from ftcore.experiments import macro_f1


def answers(truth, accuracy, seed):
    random = np.random.default_rng(seed)
    right = random.random(len(truth)) < accuracy
    return np.where(right, truth, random.integers(4, size=len(truth)))


def test_it_is_the_bootstrap_of_the_difference():
    truth = np.repeat([0, 1, 2, 3], (500, 200, 60, 20))
    first, second = [answers(truth, 0.8, 1), answers(truth, 0.8, 2)], [answers(truth, 0.7, 3)]
    random, drawn = np.random.default_rng(1), []
    for _ in range(300):
        rows = random.integers(len(truth), size=len(truth))
        f1 = [f1_score(truth[rows], each[rows], average="macro") for each in (*first, *second)]
        drawn.append((f1[0] + f1[1]) / 2 - f1[2])
    expected = np.quantile(drawn, (0.025, 0.975))
    low, high = macro_f1.interval(truth, 4, first, second)
    assert high - low == pytest.approx(expected[1] - expected[0], rel=0.15)
    whole = [f1_score(truth, each, average="macro") for each in (*first, *second)]
    assert low < (whole[0] + whole[1]) / 2 - whole[2] < high


def test_a_model_without_mistakes_has_no_uncertainty_and_equal_models_no_difference():
    truth = np.arange(90) % 3
    assert macro_f1.interval(truth, 3, [truth]) == pytest.approx((1, 1))
    guess = answers(truth, 0.5, 1)
    assert macro_f1.interval(truth, 4, [guess], [guess]) == pytest.approx((0, 0))
