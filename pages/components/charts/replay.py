"""The verdict and the curves of a finished experiment, which the browser can replay at any speed.

The browser cuts the curves; the server computes nothing, however many people watch.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from ftcore.experiments.result import Result
from pages.components.charts import curve_figures, run_curves
from pages.components.charts.component import script_component
from pages.components.charts.live_chart import Trace
from pages.components.shell import assets

_mount = script_component("replay", assets.REPLAY, assets.PLOTLY_BASE, assets.LIVE_CHART)


def replay(data: bytes, key: str) -> None:
    """Draw charts that `pack` returned, with the time of each point and a `story` of three parts.

    `verdict` is a list of (text, colour or ""), `further` a list of sentences, `watched` what
    `watched_charts` returns.
    """
    _mount(key=key, data=data, on_replaying_change=lambda: None)


def is_replaying(key: str) -> bool:
    """Whether the replay is not at its end, so that a page should hide the results."""
    return bool((st.session_state.get(key) or {}).get("replaying"))


def watched_charts(
    results: Sequence[Result], traces: Sequence[Trace], axis: str
) -> list[dict[str, Any]]:
    """A chart for each watched sentence: the probability of the last class, a curve for each trace."""
    watching = curve_figures.runs_that_watched(results)
    if not watching:
        return []
    labels = watching[0].run.facts["labels"]
    position = {trace.run_id: number for number, trace in enumerate(traces)}
    columns = {"x": axis, "y": "probability", "t": "seconds", "low": "low", "high": "high"}
    charts = []
    for number, sentence in enumerate(watching[0].run.config.watched):
        curves = []
        for lane in run_curves.watched(watching, number, len(labels) - 1):
            if lane.run.run_id in position:
                rows = lane.history.round(5)
                parts = {part: rows[column].tolist() for part, column in columns.items()}
                curves.append(parts | {"run": position[lane.run.run_id]})
        title = f"{labels[-1]}: {curve_figures.shortened(sentence)}"
        charts.append({"title": title, "curves": curves})
    return charts
