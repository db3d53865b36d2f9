"""A learning curve: while its runs train, and what it shows once they have."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd
import streamlit as st

from ftcore import formatting, tracking
from ftcore.colours import model_colour
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.experiments import catalog
from ftcore.experiments.learning_curve.curves import curves, largest
from ftcore.experiments.learning_curve.plan import size_rank, size_title
from ftcore.experiments.result import Result
from ftcore.training import estimate
from pages.components.charts import run_curves
from pages.components.charts.figure import figure
from pages.components.charts.learning_curve_figure import learning_curve
from pages.components.compare import learning_curve_report as report
from pages.components.compare.download_buttons import Download, download_buttons
from pages.components.compare.learning_curve_summary import summarize
from pages.components.compare.replayed_curves import replayed_curves
from pages.components.compare.result_cache import cached, cached_figure
from pages.components.compare.summary import summarize as compare_modes
from pages.components.runs import live_comparison
from pages.components.runs.side_by_side import run_table
from pages.components.text.errors import show_error
from pages.components.text.escaping import escape_html, escape_markdown
from pages.components.text.html_fragments import headline, progress_bar

TICK = 2.0  # seconds between two drawings of curves that grow


class LiveView(NamedTuple):
    """What every viewer of the same runs sees at the same time."""

    live: bool
    progress: str  # HTML
    figure: str  # JSON; empty before the first run has finished


def live_curve(run_ids: Sequence[str]) -> None:
    """Draw progress and curves until all runs have ended, then rerun the page."""
    st.fragment(_draw_live, run_every=TICK)(tuple(run_ids))


def _draw_live(run_ids: tuple[str, ...]) -> None:
    try:
        view = live_view(run_ids)
    except UnfreezeError as error:  # a run was deleted in another tab
        show_error(error)
        return
    if not view.live:
        st.rerun()
    st.html(view.progress)
    if view.figure:
        figure(view.figure, key="learning_curve", name="learning-curve")


@st.cache_data(ttl=TICK, max_entries=50, show_spinner=False)  # shared by all tabs
def live_view(run_ids: tuple[str, ...]) -> LiveView:
    """The current state of the runs. Raises UnfreezeError if one does not exist."""
    recorded = tracking.runs()
    listed = recorded[recorded["run_id"].isin(run_ids)]
    if len(listed) < len(run_ids):
        live_comparison.cached_run((set(run_ids) - set(listed["run_id"])).pop())  # raises
    finished = set(listed.loc[listed["status"] == "finished", "run_id"])
    # Of 80 runs, only those are read one by one that have finished, once, and the one that trains.
    results = [
        catalog.result(live_comparison.cached_run(run_id))
        for run_id in run_ids
        if run_id in finished
    ]
    chart = cached_figure(results, ("growing",), lambda: learning_curve(curves(results)))
    live = listed["status"].isin(["queued", "running"])
    return LiveView(bool(live.any()), _progress(listed, recorded), chart if results else "")


def _progress(listed: pd.DataFrame, recorded: pd.DataFrame) -> str:
    """HTML: how many runs are done, how long the others may take, and what the current one does."""
    live = listed[listed["status"].isin(["queued", "running"])]
    done, lines = len(listed) - len(live), []
    share, running = done / max(len(listed), 1), live[live["status"] == "running"]
    for run_id in running["run_id"]:
        run = live_comparison.cached_run(run_id)
        part, state = live_comparison.progress(run, run_curves.history_of(run))
        share += part / len(listed)
        lines.append(f"{run.name}: {state}")
    seconds = _seconds_left(tuple(live["run_id"]), live["config"], recorded)
    words = [
        f"{done} of {len(listed)} runs done",
        f"about {formatting.rough_duration(seconds)} left",
    ]
    colour = model_colour("full")
    text = " · ".join([*words, *lines])
    return (
        f'<div style="display:grid;gap:.5rem">{progress_bar(share, colour)}'
        f'<span style="font-size:.95rem;font-variant-numeric:tabular-nums">{escape_html(text)}</span></div>'
    )


@st.cache_data(ttl=60, show_spinner=False)  # of 80 runs it takes a tenth of a second
def _seconds_left(
    run_ids: tuple[str, ...], _configs: Iterable[FineTuneConfig], _recorded: pd.DataFrame
) -> float:
    """What the runs that have not ended will take; computed again when one of them has."""
    return sum(estimate.seconds(config, _recorded) for config in _configs)


def finished_curve(results: list[Result]) -> None:
    """Draw the sentence, the chart, the figures and the settings."""
    summary = cached(results, ("learning curve",), lambda: summarize(results))
    st.html(headline(summary.sentence))
    if summary.table.empty:
        return
    measures = list(summary.figures)
    measure = measures[0]
    if len(measures) > 1:
        options = {"format_func": summary.titles.get, "required": True, "default": measure}
        options |= {"label_visibility": "collapsed", "key": "measure"}
        measure = st.segmented_control("Measure", measures, **options)
    figure(summary.figures[measure], key="learning_curve", name="learning-curve")
    st.markdown("\n".join(f"- {escape_markdown(line)}" for line in summary.findings))
    st.table(summary.table, border="horizontal", hide_index=True)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.caption(summary.caption, width="content")
        with st.container(horizontal=True, width="content"):
            about = "One file with the chart and the figures, which opens anywhere."
            download_buttons(
                results,
                Download("Report", report.html, "html", "description", about),
                Download("Points", report.csv, "csv", "table", "Every run, as CSV."),
            )
    _replay(results)
    with st.expander("Settings"):
        run_table([result.run for result in largest(results)], key="curve_differences")


@st.fragment
def _replay(results: list[Result]) -> None:
    """Draw the training on a number of texts that is chosen, as a comparison that can be replayed."""
    # Exports of earlier versions have no curves.
    sizes = dict.fromkeys(
        result.run.config.limit
        for result in results
        if (result.history["split"] == "val").sum() > 1
    )
    if not sizes:
        return
    options = {"format_func": lambda size: f"{size_title(size)} texts", "key": "replayed_size"}
    size = st.segmented_control("Replay the training on", sorted(sizes, key=size_rank), **options)
    if size is not None:
        chosen = [result for result in results if result.run.config.limit == size]
        summary = cached(chosen, ("summary",), lambda: compare_modes(chosen))
        replayed_curves(chosen, summary, f"replay_{size}")
