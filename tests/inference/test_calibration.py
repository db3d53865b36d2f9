"""Temperature and sets of labels on made-up scores, whose true probabilities are known."""

import numpy as np
import pytest

from ftcore.inference import conformal, temperature

CLASSES = np.array([0.6, 0.3, 0.1])


def made_up(texts, seed, sharpness=1.0):
    """Scores [texts, classes] whose softmax at the temperature `sharpness` are the true probabilities."""
    random = np.random.default_rng(seed)
    scores = random.normal(0, 2, (texts, 3)) + np.log(CLASSES)
    drawn = temperature.probabilities(scores).cumsum(1) > random.random((texts, 1))
    return scores * sharpness, drawn.argmax(1)


@pytest.mark.parametrize("target", [0.8, 0.95])
def test_sets_hold_what_they_promise_for_each_class_over_100_splits(target):
    scores, truth = made_up(4_000, seed=0, sharpness=3)
    random = np.random.default_rng(1)
    of_all, of_classes = [], []
    for _ in range(100):
        rows = random.permutation(len(truth))
        validation, test = rows[:1_000], rows[1_000:]
        fitted = temperature.fit(scores[validation], truth[validation])
        probabilities = temperature.probabilities(scores, fitted)
        least = conformal.thresholds(probabilities[validation], truth[validation], target)
        covered = conformal.covered(probabilities[test] >= least, truth[test])
        of_all.append(covered.mean())
        of_classes.append([covered[truth[test] == label].mean() for label in range(3)])
    assert np.mean(of_all) == pytest.approx(target, abs=0.02)
    assert np.mean(of_classes, 0) == pytest.approx([target] * 3, abs=0.02)


@pytest.mark.parametrize("sharpness", [0.25, 1.0, 4.0])
def test_the_temperature_is_that_of_the_scores_and_mends_the_error(sharpness):
    scores, truth = made_up(20_000, seed=2, sharpness=sharpness)
    fitted = temperature.fit(scores[:10_000], truth[:10_000])
    assert fitted == pytest.approx(sharpness, rel=0.05)
    errors = [
        temperature.expected_calibration_error(
            temperature.reliability(
                temperature.probabilities(scores[10_000:], each), truth[10_000:]
            )
        )
        for each in (1.0, fitted)
    ]
    assert errors[1] < 0.02
    assert errors[0] > 0.08 or sharpness == 1


def test_scores_that_are_all_right_keep_the_temperature():
    assert temperature.fit(np.eye(3) * 5, np.arange(3)) == 1.0


def test_the_error_is_the_mean_distance_by_texts():
    """Three answers of 80%, one right; one of 60%, right: 0.75 (0.8 - 1/3) + 0.25 (1 - 0.6)."""
    probabilities = np.array([[0.8, 0.2], [0.8, 0.2], [0.2, 0.8], [0.6, 0.4]])
    bins = temperature.reliability(probabilities, np.array([0, 1, 0, 0]))
    assert [(each.texts, each.accuracy) for each in bins] == [(1, 1.0), (3, pytest.approx(1 / 3))]
    assert temperature.expected_calibration_error(bins) == pytest.approx(0.45)


def test_the_edges_of_the_bins_belong_to_the_bin_below():
    probabilities = np.array([[1.0, 0.0], [0.6, 0.4], [0.5, 0.5]])
    bins = temperature.reliability(probabilities, np.array([0, 0, 0]))
    assert [each.high for each in bins] == [8 / 15, 9 / 15, 1]


@pytest.mark.parametrize(("target", "least"), [(0.95, 19), (0.9, 9), (0.5, 1), (0.99, 99)])
def test_a_class_with_too_few_texts_is_in_every_set(target, least):
    assert conformal.least_texts(target) == least
    probabilities = np.full((least, 2), 0.5) + np.arange(least)[:, None] / 1e4
    for texts, threshold in ((least, 0.5), (least - 1, 0.0)):
        truth = np.zeros(texts, int)
        found = conformal.thresholds(probabilities[:texts], truth, target)
        assert found.tolist() == [threshold, 0.0]
