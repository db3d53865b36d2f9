"""Loss and accuracy of one or more runs, drawn while they grow.

`st.plotly_chart` makes a new node at every change of its data: zoom is lost and the chart blinks. This
component keeps one node and hands it new numbers by `Plotly.react`, as packed float32.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.shell import assets

MAX_POINTS = 2_000  # of a trace
SMOOTHING = 0.25  # epochs; a training point is the mean since then, for single batches jump about
AXES: dict[str, str] = {
    "step": "Step",
    "epoch": "Epoch",
    "seconds": "Seconds",
    "examples": "Texts seen",
}
METRICS: dict[str, str] = {"loss": "Loss", "accuracy": "Accuracy"}
SPLITS: tuple[str, ...] = ("train", "val", "test")

# Sent again with every update, so it only fetches the real script, which the browser keeps.
# It runs from a blob: address, where a path alone means nothing.
FETCH = f"""
const chart = import(location.origin + {assets.address(assets.LIVE_CHART)!r});
const plotly = location.origin + {assets.address(assets.PLOTLY)!r};
"""
_mount = st.components.v2.component(
    "unfreeze_live_chart",
    js=FETCH + "export default async (component) => (await chart).draw(component, plotly);",
    isolate_styles=False,  # plotly.js puts its style sheet into the page's head
)


@dataclass(frozen=True)
class Trace:
    """One run on the charts, or several seeds as one.

    `history` is what `tracking.history` returns. With columns such as `loss_low` and `loss_high` besides, a
    band lies between them; `t` says when a point comes in a replay, where that is not its `seconds`.
    """

    run_id: str
    label: str
    colour: str
    history: pd.DataFrame


def live_charts(traces: Sequence[Trace], axis: str, revision: str, key: str) -> None:
    """Draw loss and accuracy over `axis` (a key of AXES).

    The zoom is kept for as long as `revision` and `axis` stay the same; a stable `key` keeps the node.
    """
    _mount(key=key, data=packed(traces, axis, revision))


def live_charts_of(data: bytes, key: str) -> None:
    """The same, of charts that are `packed` already."""
    _mount(key=key, data=data)


def packed(
    traces: Sequence[Trace],
    axis: str,
    revision: str,
    timed: bool = False,
    until: float | None = None,
    **more: Any,
) -> bytes:
    """The charts as the scripts read them; the axis reaches `until`, where that is known beforehand.

    Layout: header length (uint32, little-endian), header (JSON, padded to a multiple of 4 bytes), then the
    `parts` of each curve (float32, little-endian), in the header's order: x, y, where there is a band low
    and high, where they are `timed` t, the seconds of training.
    """
    curves: list[dict[str, Any]] = []
    numbers: list[np.ndarray] = []
    for number, trace in enumerate(traces):
        for metric in METRICS:
            band = {name: f"{metric}_{name}" for name in ("low", "high")}
            columns = band if band["low"] in trace.history else {}
            columns |= {"t": "t" if "t" in trace.history else "seconds"} if timed else {}
            for split in SPLITS:
                found = points(trace.history, split, axis, metric, *columns.values())
                curves.append(
                    {
                        "run": number,
                        "metric": metric,
                        "split": split,
                        "points": len(found[0]),
                        "parts": ["x", "y", *columns],
                    }
                )
                numbers += found
    header = {
        "revision": f"{revision}/{axis}",
        "axis": AXES[axis],
        "metrics": METRICS,
        "runs": [{"id": one.run_id, "label": one.label, "colour": one.colour} for one in traces],
        "curves": curves,
        "ranges": {"x": [0, until]} if until else None,
    } | more
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 4)
    body = np.concatenate(numbers).astype("<f4").tobytes() if numbers else b""
    return len(head).to_bytes(4, "little") + head + body


def points(
    history: pd.DataFrame, split: str, axis: str, metric: str, *more: str
) -> list[np.ndarray]:
    """x and y of one curve, and `more` columns; at most MAX_POINTS, all of them finite in x and y."""
    rows = history[history["split"] == split]
    x, y = rows[axis].to_numpy(float), rows[metric].to_numpy(float)
    if split == "train":
        epoch = rows["epoch"].to_numpy(float)
        y = smooth(y, epoch, SMOOTHING)
        y[epoch < SMOOTHING / 2] = np.nan  # the mean of next to nothing
    there = np.isfinite(x) & np.isfinite(y)
    kept = np.flatnonzero(there)[decimate(y[there], MAX_POINTS)]
    return [x[kept], y[kept], *(rows[name].to_numpy(float)[kept] for name in more)]


def smooth(values: np.ndarray, at: np.ndarray, width: float) -> np.ndarray:
    """The mean of the values in (at - width, at], for each place `at` (ascending)."""
    ends = np.arange(1, len(values) + 1)
    starts = np.searchsorted(at, at - width, side="right")
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return (sums[ends] - sums[starts]) / (ends - starts)


def decimate(values: np.ndarray, most: int) -> np.ndarray:
    """Indices, ascending, of at most `most` values that keep a curve's shape.

    The first and the last are kept, and of equal stretches between them the lowest and the highest, so
    that no spike is lost.
    """
    if len(values) <= most:
        return np.arange(len(values))
    inner = np.arange(1, len(values) - 1)
    kept = [0, len(values) - 1]
    for stretch in np.array_split(inner, (most - 2) // 2):
        kept += [stretch[values[stretch].argmin()], stretch[values[stretch].argmax()]]
    return np.unique(kept)
