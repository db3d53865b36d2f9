"""The form of answers of calibrated models and of those with several labels."""

import math

import pytest
import requests

from ftcore.models.calibration import Calibration
from tests.helpers.endpoints import LABELS, served, small_model

TEXTS = ["good bad film good", "?"]  # scores of 4 and 0, and of 0 and 0


def answers(model):
    with served(model) as address:
        response = requests.post(f"{address}/predict", json={"texts": TEXTS})
        return response.json()["predictions"]


def test_several_labels_are_listed_beside_their_words():
    first, second = answers(small_model(thresholds=(0.4, 0.6)))
    assert (first["label"], first["labels"]) == ("negative", ["negative"])
    assert first["probabilities"]["negative"] == pytest.approx(1 / (1 + math.exp(-4)))
    both, none = small_model(thresholds=(0.4, 0.4)), small_model(thresholds=(0.6, 0.6))
    assert answers(both)[1]["label"] == "negative, positive"
    assert answers(both)[1]["labels"] == list(LABELS)
    assert (answers(none)[1]["label"], answers(none)[1]["labels"]) == ("no label", [])
    assert second["labels"] == ["negative"]


def test_probabilities_are_calibrated():
    kept = Calibration(4.0, 0.9, dict.fromkeys(LABELS, 0.3), 100)
    first, _ = answers(small_model(calibration=kept))
    assert list(first) == ["label", "probabilities"]
    assert first["probabilities"]["negative"] == pytest.approx(1 / (1 + math.exp(-1)))
