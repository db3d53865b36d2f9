"""The verdict on some runs and their curves, which the browser can replay."""

import streamlit as st

from ftcore.experiments.result import Result
from pages.components.charts import run_curves
from pages.components.charts.live_chart import axis_input, metrics_of, pack
from pages.components.charts.replay import replay, watched_charts
from pages.components.compare.result_cache import cached
from pages.components.compare.summary import Summary, unbroken

BELOW_VERDICT = 2  # further sentences below the verdict; a comparison has the others elsewhere


def replayed_curves(results: list[Result], summary: Summary, key: str) -> None:
    """Draw them; `key` is that of the component (see `is_replaying`)."""
    above = st.container()
    axis = axis_input("by", bind="query-params")
    with above:
        replay(cached(results, ("curves", axis), lambda: _pack(results, summary, axis)), key=key)


def _pack(results: list[Result], summary: Summary, axis: str) -> bytes:
    traces = run_curves.by_side(results)
    story = {
        "verdict": summary.verdict,
        "further": [unbroken(line) for line in summary.further[:BELOW_VERDICT]],
        "watched": watched_charts(results, traces, axis),
    }
    ids = ",".join(result.run.run_id for result in results)
    metrics = metrics_of(result.run for result in results)
    return pack(traces, axis, ids, metrics, timed=True, story=story)
