"""What test texts say of a calibration: the error of its probabilities, the coverage of its sets."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from ftcore import statistics
from ftcore.inference import conformal, temperature

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # of the answer's probability


def measure(
    scores: np.ndarray, truth: np.ndarray, fitted: float, thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """All figures as JSON values; a share that no text decides, and its interval, are None.

    scores: [texts, classes]; truth: int [texts]; `fitted`: the temperature; `thresholds`: label → its least
    probability in a set.
    """
    before, after = temperature.probabilities(scores), temperature.probabilities(scores, fitted)
    bins_before, bins_after = (temperature.reliability(each, truth) for each in (before, after))
    sets = after >= np.array(list(thresholds.values()))
    covered, sizes = conformal.covered(sets, truth), sets.sum(1)
    right = after.argmax(1) == truth
    of_class = {label: covered[truth == number] for number, label in enumerate(thresholds)}
    return {
        "test_texts": len(truth),
        "accuracy": _share(right),
        "ece_before": temperature.expected_calibration_error(bins_before),
        "ece_after": temperature.expected_calibration_error(bins_after),
        "coverage": _share(covered),
        "coverage_interval": _interval(covered),
        "coverage_per_class": {label: _share(texts) for label, texts in of_class.items()},
        "coverage_interval_per_class": {
            label: _interval(texts) for label, texts in of_class.items()
        },
        "test_texts_per_class": {label: len(texts) for label, texts in of_class.items()},
        "mean_set_size": float(sizes.mean()),
        "not_sure": _share(sizes != 1),
        "accuracy_when_sure": _share(right[sizes == 1]),
        "by_threshold": by_threshold(after, truth),
        "reliability_before": [asdict(each) for each in bins_before],
        "reliability_after": [asdict(each) for each in bins_after],
    }


def by_threshold(probabilities: np.ndarray, truth: np.ndarray) -> list[dict[str, float | None]]:
    """How many texts have an answer of at least each probability, and how many of those are right."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    answered = {least: confidence >= least for least in THRESHOLDS}
    return [
        {"threshold": least, "answered": _share(above), "accuracy": _share(right[above])}
        for least, above in answered.items()
    ]


def _share(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None


def _interval(values: np.ndarray) -> list[float] | None:
    """The 95% interval of their share."""
    return list(statistics.wilson(float(values.mean()), len(values))) if len(values) else None
