"""The live chart's numbers: which points are kept, how they are smoothed, and how they are packed."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from pages.components.charts import live_chart
from pages.components.charts.live_chart import AXES, MAX_POINTS, Trace, decimate, pack, points

FINITE = st.floats(-1e6, 1e6)

TITLES = {"loss": "Loss", "accuracy": "Accuracy"}


def history(split: str, size: int) -> pd.DataFrame:
    """A curve of one point a step, 100 steps an epoch."""
    step = np.arange(size, dtype=float)
    columns = {"step": step, "epoch": step / 100, "seconds": step / 10, "examples": step * 32}
    scores = {"loss": 1 / (1 + step), "accuracy": step / max(size, 1)}
    return pd.DataFrame({"split": split, **columns, **scores})


def unpack(data: bytes) -> tuple[dict, dict[tuple[int, str, str], dict[str, np.ndarray]]]:
    """The header, and the parts of each curve by run, metric and split, as live_chart.js reads them."""
    length = int.from_bytes(data[:4], "little")
    assert length % 4 == 0
    head, at = json.loads(data[4 : 4 + length]), 4 + length
    curves = {}
    for curve in head["curves"]:
        parts = curves[curve["run"], curve["metric"], curve["split"]] = {}
        for part in curve["parts"]:
            parts[part] = np.frombuffer(data, "<f4", curve["points"], at)
            at += 4 * curve["points"]
    assert at == len(data)
    return head, curves


@given(st.lists(FINITE, max_size=400), st.integers(4, 100))
def test_decimation_keeps_ends_and_extremes(values, most):
    array = np.array(values)
    kept = decimate(array, most)
    assert most / 2 - 2 <= len(kept) <= most or len(kept) == len(values)
    assert list(kept) == sorted(set(kept))
    if values:
        assert {0, len(values) - 1, array.argmin(), array.argmax()} <= set(kept)


@given(st.lists(st.tuples(st.floats(0.01, 1), FINITE), min_size=1, max_size=60))
def test_smoothing_is_the_mean_of_the_window(steps):
    at = np.cumsum([gap for gap, _ in steps])
    values = np.array([value for _, value in steps])
    smoothed = live_chart.smooth(values, at, 0.25)
    for index, place in enumerate(at):
        window = values[: index + 1][at[: index + 1] > place - 0.25]
        assert smoothed[index] == pytest.approx(window.mean(), rel=1e-6, abs=1e-4)


def test_only_training_points_are_smoothed_and_those_that_are_not_finite_left_out():
    rows = history("val", 50)
    assert points(rows, "val", "step", "loss")[1].tolist() == rows["loss"].tolist()
    gaps = rows[:4].assign(loss=[1, 0.5, np.inf, np.nan])
    assert points(gaps, "val", "step", "loss")[0].tolist() == [0, 1]
    x, y = points(rows.assign(split="train"), "train", "step", "loss")
    assert x[0] == 13  # at 0.13 epochs; before, there are too few batches for a mean
    assert y[0] == pytest.approx(rows["loss"][:14].mean())


@pytest.mark.parametrize("axis", AXES)
def test_packed_charts_read_back(axis):
    full = pd.concat([history("train", 3000), history("val", 7)])
    traces = [Trace("a", "Größe", "#2563EB", full), Trace("b", "empty", "#F59E0B", full[:0])]
    head, curves = unpack(pack(traces, axis, "r", TITLES))
    assert head["revision"] == f"r/{axis}"
    assert [run["label"] for run in head["runs"]] == ["Größe", "empty"]
    assert curves[0, "loss", "val"]["x"] == pytest.approx(history("val", 7)[axis])
    assert 1000 < len(curves[0, "accuracy", "train"]["y"]) <= MAX_POINTS
    assert not len(curves[1, "loss", "train"]["x"]) and not len(curves[0, "loss", "test"]["x"])


def test_a_band_and_the_time_of_each_point_are_packed_with_their_curve():
    rows = history("val", 5)
    band = rows.assign(accuracy_low=rows["accuracy"] - 0.1, accuracy_high=rows["accuracy"] + 0.1)
    _, curves = unpack(pack([Trace("a", "Mean", "#2563EB", band)], "step", "r", TITLES, timed=True))
    accuracy, loss = curves[0, "accuracy", "val"], curves[0, "loss", "val"]
    assert accuracy["low"] == pytest.approx(band["accuracy_low"])
    assert accuracy["high"] == pytest.approx(band["accuracy_high"])
    assert loss["t"] == pytest.approx(rows["seconds"]) and "low" not in loss
