"""The live chart's numbers: which points are kept, how they are smoothed, and how they are packed."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from pages.components.charts.live_chart import MAX_POINTS, Trace, decimate, packed, points, smooth

FINITE = st.floats(-1e6, 1e6)


def history(split: str, size: int) -> pd.DataFrame:
    """A curve of one point a step, 100 steps an epoch."""
    step = np.arange(size, dtype=float)
    return pd.DataFrame(
        {
            "split": split,
            "step": step,
            "epoch": step / 100,
            "seconds": step / 10,
            "examples": step * 32,
            "loss": 1 / (1 + step),
            "accuracy": step / max(size, 1),
            "lr": 0.1,
        }
    )


@given(st.lists(FINITE, max_size=400), st.integers(4, 100))
def test_decimation_keeps_ends_and_extremes(values: list[float], most: int) -> None:
    array = np.array(values)
    kept = decimate(array, most)
    assert len(kept) <= max(most, 0) or len(values) <= most
    assert list(kept) == sorted(set(kept))
    if values:
        assert kept[0] == 0 and kept[-1] == len(values) - 1
        assert array[kept].min() == array.min() and array[kept].max() == array.max()


def test_decimation_covers_the_whole_run() -> None:
    kept = decimate(np.random.default_rng(0).normal(size=100_000), MAX_POINTS)
    assert MAX_POINTS / 2 < len(kept) <= MAX_POINTS
    assert np.diff(kept).max() < 2 * 100_000 / (MAX_POINTS / 2)


@given(st.lists(st.tuples(st.floats(0.01, 1), FINITE), min_size=1, max_size=60))
def test_smoothing_is_the_mean_of_the_window(steps: list[tuple[float, float]]) -> None:
    at = np.cumsum([gap for gap, _ in steps])
    values = np.array([value for _, value in steps])
    found = smooth(values, at, 0.25)
    for index, place in enumerate(at):
        window = values[: index + 1][at[: index + 1] > place - 0.25]
        assert found[index] == pytest.approx(window.mean(), rel=1e-6, abs=1e-4)


def test_only_training_is_smoothed() -> None:
    rows = history("val", 50)
    assert points(rows, "val", "step", "loss")[1].tolist() == rows["loss"].tolist()
    x, y = points(rows.assign(split="train"), "train", "step", "loss")
    assert x[0] == 13  # at 0.13 epochs; before, there is too little to take the mean of
    assert y[0] == pytest.approx(rows["loss"][:14].mean())


def test_values_that_are_no_numbers_leave_a_gap() -> None:
    rows = history("val", 4)
    rows.loc[2, "loss"] = np.inf
    rows.loc[3, "loss"] = np.nan
    assert points(rows, "val", "step", "loss")[0].tolist() == [0, 1]


@pytest.mark.parametrize("axis", ["step", "epoch", "seconds", "examples"])
def test_packed_charts_read_back(axis: str) -> None:
    """As live_chart.js reads them."""
    one = Trace("a", "Größe", "#2563EB", pd.concat([history("train", 3000), history("val", 7)]))
    two = Trace("b", "empty", "#F59E0B", history("val", 0))
    data = packed([one, two], axis, "r")
    length = int.from_bytes(data[:4], "little")
    assert length % 4 == 0
    head = json.loads(data[4 : 4 + length])
    numbers = np.frombuffer(data[4 + length :], "<f4")
    assert head["revision"] == f"r/{axis}"
    assert [run["label"] for run in head["runs"]] == ["Größe", "empty"]
    assert sum(2 * curve["points"] for curve in head["curves"]) == len(numbers)
    counts = {
        (curve["run"], curve["metric"], curve["split"]): curve["points"] for curve in head["curves"]
    }
    assert counts[0, "loss", "val"] == 7 and 1000 < counts[0, "accuracy", "train"] <= MAX_POINTS
    assert counts[1, "loss", "train"] == counts[0, "loss", "test"] == 0
    before = sum(2 * curve["points"] for curve in head["curves"][:1])
    assert head["curves"][1]["split"] == "val"
    assert numbers[before : before + 7] == pytest.approx(history("val", 7)[axis])


def test_a_band_and_the_time_of_each_point_travel_with_their_curve() -> None:
    rows = history("val", 5)
    band = rows.assign(accuracy_low=rows["accuracy"] - 0.1, accuracy_high=rows["accuracy"] + 0.1)
    data = packed([Trace("a", "Mean", "#2563EB", band)], "step", "r", timed=True)
    length = int.from_bytes(data[:4], "little")
    head = json.loads(data[4 : 4 + length])
    numbers = iter(np.frombuffer(data[4 + length :], "<f4"))
    read = {
        (curve["metric"], curve["split"], part): [next(numbers) for _ in range(curve["points"])]
        for curve in head["curves"]
        for part in curve["parts"]
    }
    assert next(numbers, None) is None
    assert read["accuracy", "val", "low"] == pytest.approx(band["accuracy_low"].tolist())
    assert read["accuracy", "val", "high"] == pytest.approx(band["accuracy_high"].tolist())
    assert read["loss", "val", "t"] == pytest.approx(rows["seconds"].tolist())
    assert ("loss", "val", "low") not in read
