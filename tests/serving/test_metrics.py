"""What an endpoint counts: unsure answers, lengths beside those of training, the text format."""

import re

import numpy as np
import pytest

from ftcore.inference import text_model
from ftcore.models.calibration import Calibration
from ftcore.serving.batching import Scored
from ftcore.serving.metrics import Metrics
from ftcore.text.lengths import TextLengths
from tests.helpers.endpoints import LABELS, small_model

SAMPLE = re.compile(r'unfreeze_[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"\})? -?[0-9.e+-]+')


def counted(model, probabilities, lengths=()):
    """The samples after answers with these probabilities, as text."""
    metrics = Metrics(model)
    shares = np.array(probabilities)
    scores = np.log(shares / (1 - shares)) if model.thresholds else np.log(shares)
    scores = scores.astype(np.float32)
    lengths = np.array(lengths or [3] * len(scores))
    answers = text_model.answers_of(model, scores)
    metrics.answered(Scored(scores, lengths, 1), answers)
    metrics.request(200, 0.03)
    return metrics.text(waiting=0)


def value(text, name):
    [line] = [line for line in text.splitlines() if line.startswith(f"unfreeze_{name} ")]
    return float(line.split()[-1])


def test_every_line_is_one_of_prometheus_and_labels_are_escaped():
    labels = ('say "no"', "back\\slash")
    lengths = TextLengths.of(np.array([3, 9]))
    text = counted(small_model(labels=labels, training_lengths=lengths), [[0.9, 0.1]])
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(map(SAMPLE.fullmatch, samples))
    assert 'unfreeze_answers_total{label="say \\"no\\""} 1' in samples
    assert 'unfreeze_answers_total{label="back\\\\slash"} 0' in samples
    assert text.endswith("\n")
    assert text.count("# TYPE") == text.count("# HELP") == len(set(re.findall("# TYPE.*", text)))
    assert 'unfreeze_request_seconds_bucket{le="0.02"} 0' in samples
    assert 'unfreeze_request_seconds_bucket{le="0.05"} 1' in samples


def test_unsure_is_below_a_threshold_or_by_the_sets_of_a_calibration():
    shares = [[0.69, 0.31], [0.71, 0.29], [0.95, 0.05], [0.55, 0.45]]
    assert value(counted(small_model(), shares), "unsure_total") == 2
    kept = Calibration(1.0, 0.9, dict.fromkeys(LABELS, 0.04), 100)
    text = counted(small_model(calibration=kept), shares)
    assert value(text, "unsure_total") == 4 and "target, 0.9" in text  # all have both labels
    assert value(counted(small_model(thresholds=(0.5, 0.5)), shares), "unsure_total") == 1
    text = counted(small_model(thresholds=(0.7, 0.05)), shares)
    assert value(text, "unsure_total") == 3 and "within a factor of 1.5" in text


def test_answers_with_several_labels_count_for_each():
    text = counted(small_model(thresholds=(0.5, 0.5)), [[0.9, 0.8], [0.1, 0.9], [0.1, 0.2]])
    assert value(text, "texts_total") == 3
    assert 'label="negative"} 1\n' in text and 'label="positive"} 2\n' in text


def test_drift_is_how_far_lengths_are_from_those_of_training():
    trained = TextLengths.of(np.full(100, 10))
    shares = [[0.9, 0.1]] * 4
    same = counted(small_model(training_lengths=trained), shares, [10] * 4)
    assert value(same, "length_drift") == 0
    half = counted(small_model(training_lengths=trained), shares, [10, 10, 300, 300])
    assert value(half, "length_drift") == pytest.approx(0.5)
    assert 'training_length_share{le="12"} 1.0' in half
    assert "drift" not in counted(small_model(), shares)
