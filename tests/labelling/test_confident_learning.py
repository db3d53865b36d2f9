"""Confident learning and the folds on made-up vectors and probabilities."""

import numpy as np
import pytest

from ftcore.events import drain
from ftcore.labelling import confident_learning, cross_validation


def test_the_confident_joint_is_that_of_the_paper():
    labels = np.array([0, 0, 0, 1, 1, 1])
    of_first = np.array([0.9, 0.8, 0.1, 0.2, 0.3, 0.62])
    found = confident_learning.judge(labels, np.stack([of_first, 1 - of_first], 1))
    # Thresholds: the mean of 0.9, 0.8 and 0.1 is 0.6; of 0.8, 0.7 and 0.38 it is 0.627.
    assert found.confident.tolist() == [False, False, True, False, False, True]
    assert found.margins == pytest.approx([-0.8, -0.6, 0.8, -0.6, -0.4, 0.24])
    assert found.suggested.tolist() == [0, 0, 1, 1, 1, 0]
    # Without its own class among the confident ones, a text of which none is likely enough stays.
    of_first[5] = 0.55
    found = confident_learning.judge(labels, np.stack([of_first, 1 - of_first], 1))
    assert found.margins[5] > 0 and not found.confident[5]


def test_each_of_several_labels_is_judged():
    labels = np.array([[True, False], [False, False], [True, True], [False, True]])
    probabilities = np.array([[0.9, 0.2], [0.8, 0.1], [0.7, 0.9], [0.2, 0.3]])
    found = confident_learning.judge(labels, probabilities)
    assert found.margins == pytest.approx([-0.6, 0.6, -0.4, 0.4])
    assert found.suggested.tolist() == [[True, False], [True, False], [True, True], [False, False]]


def test_copies_share_a_fold_and_classes_are_spread():
    labels = np.repeat([0, 1, 2], [80, 15, 5])
    texts = [f"text {row // 2}" for row in range(100)]
    folds = drain(cross_validation.folds(texts, labels))
    assert (folds[::2] == folds[1::2]).all()
    for fold in range(cross_validation.FOLDS):
        assert np.bincount(labels[folds == fold], minlength=2)[0] in range(14, 19)
    assert (folds == drain(cross_validation.folds(texts, labels))).all()


@pytest.mark.parametrize("several", [False, True])
def test_flipped_labels_are_listed_first(several):
    """10% of the labels of three separate clouds are flipped; nearly all are among as many listed."""
    random = np.random.default_rng(0)
    truth = random.integers(3, size=600)
    vectors = (random.normal(size=(600, 8)) + 5 * np.eye(3, 8)[truth]).astype(np.float32)
    flipped = random.permutation(600) < 60
    labels = np.where(flipped, (truth + 1) % 3, truth)
    if several:
        labels = np.eye(3, dtype=bool)[labels]
    folds = random.integers(5, size=600)
    probabilities = drain(cross_validation.probabilities(vectors, labels, folds, 3))
    found = confident_learning.judge(labels, probabilities)
    first = np.argsort(-found.margins)[:60]
    assert flipped[first].mean() > 0.85
    assert flipped[found.confident].mean() > 0.7 and found.confident[flipped].mean() > 0.8


def test_a_text_is_judged_by_layers_that_have_not_seen_it():
    """Vectors that tell each text apart, but not its class, can only be right by chance."""
    random = np.random.default_rng(0)
    vectors, labels = random.normal(size=(60, 80)), random.integers(2, size=60)
    folds = np.arange(60) % 5
    probabilities = drain(cross_validation.probabilities(vectors, labels, folds, 2))
    assert (probabilities.argmax(1) == labels).mean() < 0.75
