"""Loss, accuracy and macro F1 of one or more runs, drawn while they grow.

`st.plotly_chart` makes a new node whenever its data changes: zoom is lost and the chart blinks. This
component keeps one node and hands it new numbers by `Plotly.react`, as packed float32.
"""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.charts.component import script_component
from pages.components.charts.measures import by_macro_f1, several_labels
from pages.components.shell import assets
from pages.components.text.labels import accuracy_title

if TYPE_CHECKING:
    from ftcore.tracking import Run

MAX_POINTS = 2_000  # of a curve
SMOOTHING = 0.25  # epochs; a training point is the mean over this window, as batches are noisy
AXES = {"step": "Step", "epoch": "Epoch", "seconds": "Seconds", "examples": "Texts seen"}
METRICS = {"loss": "Loss", "accuracy": "Accuracy", "macro_f1": "Macro F1"}
SPLITS = ("train", "val", "test")

_mount = script_component("live_chart", assets.LIVE_CHART, assets.PLOTLY_BASE)


@dataclass(frozen=True)
class Trace:
    """The curves of one run, or of several seeds as one.

    `history` is what `tracking.history` returns. Columns such as `loss_low` and `loss_high` add a band; `t`
    is the second at which a point appears in a replay, if that is not its `seconds`.
    """

    run_id: str
    label: str
    colour: str
    history: pd.DataFrame


def live_charts(data: bytes, key: str) -> None:
    """Draw charts that `pack` returned; a stable `key` keeps their node."""
    _mount(key=key, data=data)


def axis_input(key: str, label: str = "Horizontal axis", **options: Any) -> str:
    """Draw the choice of an axis, with `options` of `st.segmented_control`; return a key of AXES."""
    options = {"label_visibility": "collapsed", "format_func": AXES.get} | options
    return st.segmented_control(label, AXES, default="step", required=True, key=key, **options)


def metrics_of(runs: "Iterable[Run]") -> dict[str, str]:
    """The titles of the metrics to draw of runs: macro F1 if the best model of one of them is kept by it."""
    runs = list(runs)
    several = bool(runs) and all(map(several_labels, runs))
    metrics = METRICS | {"accuracy": accuracy_title(several)}
    if not any(map(by_macro_f1, runs)):
        del metrics["macro_f1"]
    return metrics


def pack(
    traces: Sequence[Trace],
    axis: str,
    revision: str,
    metrics: Mapping[str, str],
    timed: bool = False,
    until: float | None = None,
    **more: Any,
) -> bytes:
    """Metrics, with their titles, over `axis` (a key of AXES), packed for live_chart.js and replay.js.

    The zoom is kept while `revision` and `axis` stay the same. The axis reaches `until` if that is given.
    Layout: header length (uint32, little-endian), header (JSON with `more` in it, padded to a multiple of 4
    bytes), then for each curve its `parts` in the header's order (float32, little-endian): x, y, low and high
    if it has a band, and t, seconds of training, if `timed`.
    """
    curves: list[dict[str, Any]] = []
    numbers: list[np.ndarray] = []
    for (run, trace), metric in itertools.product(enumerate(traces), metrics):
        columns = {name: f"{metric}_{name}" for name in ("low", "high")}
        columns = columns if columns["low"] in trace.history else {}
        if timed:
            columns["t"] = "t" if "t" in trace.history else "seconds"
        for split in SPLITS:
            parts = points(trace.history, split, axis, metric, *columns.values())
            curve = {"run": run, "metric": metric, "split": split, "points": len(parts[0])}
            curves.append(curve | {"parts": ["x", "y", *columns]})
            numbers += parts
    runs = [{"id": trace.run_id, "label": trace.label, "colour": trace.colour} for trace in traces]
    header = {"revision": f"{revision}/{axis}", "axis": AXES[axis]}
    header |= {
        "metrics": dict(metrics),
        "runs": runs,
        "curves": curves,
        "ranges": {"x": [0, until]} if until else None,
    }
    head = json.dumps(header | more).encode()
    head += b" " * (-len(head) % 4)
    body = np.concatenate(numbers).astype("<f4").tobytes() if numbers else b""
    return len(head).to_bytes(4, "little") + head + body


def points(
    history: pd.DataFrame, split: str, axis: str, metric: str, *columns: str
) -> list[np.ndarray]:
    """x, y and further columns of one curve: at most MAX_POINTS, all of them finite in x and y."""
    rows = history[history["split"] == split]
    x = rows[axis].to_numpy(float)
    # Earlier versions measured no macro F1.
    y = rows[metric].to_numpy(float) if metric in rows else np.full(len(x), np.nan)
    if split == "train":
        epoch = rows["epoch"].to_numpy(float)
        y = smooth(y, epoch, SMOOTHING)
        y[epoch < SMOOTHING / 2] = np.nan  # a mean over too few batches
    finite = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    points = finite[decimate(y[finite], MAX_POINTS)]
    return [x[points], y[points], *(rows[column].to_numpy(float)[points] for column in columns)]


def smooth(values: np.ndarray, at: np.ndarray, width: float) -> np.ndarray:
    """The mean of the values in (at - width, at], for each position in `at` (ascending)."""
    ends = np.arange(1, len(values) + 1)
    starts = np.searchsorted(at, at - width, side="right")
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return (sums[ends] - sums[starts]) / (ends - starts)


def decimate(values: np.ndarray, most: int) -> np.ndarray:
    """Indices, ascending, of at most `most` values that keep a curve's shape.

    They are the first and the last, and the lowest and the highest of equal stretches between them, so that
    no spike is lost.
    """
    if len(values) <= most:
        return np.arange(len(values))
    points = [0, len(values) - 1]
    for stretch in np.array_split(np.arange(1, len(values) - 1), (most - 2) // 2):
        points += [stretch[values[stretch].argmin()], stretch[values[stretch].argmax()]]
    return np.unique(points)
