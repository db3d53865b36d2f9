"""Several runs while they go on: a progress line for each, and all curves on the same axes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd
import streamlit as st

from ftcore import formatting, tracking
from ftcore.colours import model_colour
from ftcore.errors import UnfreezeError
from ftcore.experiments.result import Result
from ftcore.runs.scheduler import scheduler
from ftcore.tracking import Run
from pages.components.charts import run_curves
from pages.components.charts.live_chart import axis_input, live_charts, metrics_of, pack
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_error, show_errors
from pages.components.text.escaping import escape_html
from pages.components.text.html_fragments import progress_bar
from pages.components.text.labels import PHASE_TITLES

TICK = 1.0  # seconds between two drawings


class LiveView(NamedTuple):
    """What every viewer of the same runs sees within the same second."""

    live: bool
    progress: str  # HTML
    curves: bytes  # as the chart component reads them


def live_comparison(run_ids: Sequence[str]) -> None:
    """Draw the runs once a second until all have ended, then rerun the page."""
    st.fragment(_draw, run_every=TICK)(tuple(run_ids))


def _draw(run_ids: tuple[str, ...]) -> None:
    above = st.container()
    try:
        view = live_view(run_ids, axis_input("by", bind="query-params"))
    except UnfreezeError as error:  # a run was deleted in another tab
        show_error(error)
        return
    if not view.live:
        st.rerun()
    with above:
        st.html(view.progress)
        live_charts(view.curves, key="race")


@st.cache_data(ttl=TICK, max_entries=50, show_spinner=False)  # shared by all tabs
def live_view(run_ids: tuple[str, ...], axis: str) -> LiveView:
    """The current state of the runs. Raises UnfreezeError if one does not exist."""
    nothing_watched = pd.DataFrame({"seconds": []})
    results = []
    for run in map(cached_run, run_ids):
        history = pd.DataFrame() if run.status == "queued" else run_curves.history_of(run)
        results.append(Result(run, history, nothing_watched, None))
    traces = run_curves.by_side(results)
    return LiveView(
        any(result.run.live for result in results),
        progress_lines(results),
        pack(
            traces,
            axis,
            ",".join(run_ids),
            metrics_of(result.run for result in results),
            until=axis_end(results, axis),
        ),
    )


def axis_end(results: Sequence[Result], axis: str) -> float | None:
    """The last value of an axis; None for seconds, and before the first run has started."""
    ends = []
    for run in (result.run for result in results):
        if "steps_per_epoch" in run.facts:
            epochs = run.config.epochs
            if run.config.steps:  # it may end within an epoch
                epochs = run.facts["steps"] / run.facts["steps_per_epoch"]
            examples = run.facts["train_texts"] * epochs
            run_ends = {"step": run.facts["steps"], "epoch": epochs, "examples": examples}
            ends.append(run_ends.get(axis, 0))
    return max(ends, default=0) or None


def cached_run(run_id: str) -> Run:
    """The run; a finished one is read once, any other may still change."""
    run = _finished_runs().get(run_id) or tracking.run(run_id)
    if run.status == "finished":
        _finished_runs()[run_id] = run
    return run


@st.cache_resource(show_spinner=False)
def _finished_runs() -> dict[str, Run]:
    """Finished runs by id."""
    return {}


def progress_lines(results: Sequence[Result]) -> str:
    """HTML with a line per run: its side, a progress bar and the progress in words."""
    labels = run_curves.labels_by_id(results)
    lines = "".join(_progress_line(result, labels[result.run.run_id]) for result in results)
    return (
        '<div role="list" style="display:grid;gap:.35rem 2.5rem;'
        f'grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr))">{lines}</div>'
    )


def _progress_line(result: Result, label: str) -> str:
    share, state = progress(result.run, result.history)
    bar = progress_bar(share, model_colour(result.run.config.mode), height=".6rem")
    return (
        '<div role="listitem" style="display:grid;grid-template-columns:9rem 1fr 9.25rem;gap:.75rem;'
        'align-items:center;font-size:.95rem">'
        f'<span style="font-weight:600;overflow:hidden;text-overflow:ellipsis;white-space:nowrap">'
        f"{escape_html(label)}</span>{bar}"
        f'<span style="font-variant-numeric:tabular-nums;white-space:nowrap">'
        f"{escape_html(state)}</span></div>"
    )


def progress(run: Run, history: pd.DataFrame) -> tuple[float, str]:
    """The progress of a run, as a share from 0 to 1 and in words."""
    if run.status == "finished":
        return 1.0, f"done in {formatting.duration(run.metrics.get('seconds'))}"
    if run.status == "queued":
        return 0.0, "waiting"
    step = float(history["step"].max()) if len(history) else 0.0
    if run.phase == "training":
        step = max(step, run.phase_done)
    share = min(1.0, step / max(1.0, float(run.facts.get("steps", 1))))
    if run.status != "running":
        return share, run.status
    if run.phase in ("training", "evaluating"):
        return share, f"training {share:.0%}"
    return share, PHASE_TITLES[run.phase].lower()


def pause_and_stop_buttons(run_ids: Sequence[str]) -> None:
    """Draw the buttons that pause or stop all runs."""
    later = "All runs that are not done can be resumed later, also after a restart."
    if st.button("Pause", key="pause", icon=":material/pause:", help=later):
        _for_all_live(scheduler.pause, run_ids)
    with st.popover("Stop", key="stop", icon=":material/stop_circle:"):
        st.markdown("The run in training keeps its best model so far; queued runs never start.")
        if st.button("Stop all", key="stop_all", type="primary"):
            _for_all_live(scheduler.stop, run_ids)


def _for_all_live(action: Callable[[str], None], run_ids: Sequence[str]) -> None:
    """Apply the action to all live runs, last first, so that no waiting run starts in between."""
    with show_errors():
        for run_id in reversed(run_ids):
            if tracking.run(run_id).live:
                action(run_id)


def resume_button(run_ids: Sequence[str]) -> None:
    """Draw the button that resumes the runs in this order."""
    options = {"icon": ":material/play_arrow:", "type": "primary"}
    help_text = "Paused and interrupted runs continue where they were."
    if st.button("Resume", key="resume", help=help_text, **options):
        with show_errors():
            scheduler.resume(*run_ids, fetch=run_task)
            st.rerun()
