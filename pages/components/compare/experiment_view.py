"""An experiment, or any runs, compared: their race while they train, then their results."""

import math
from collections.abc import Sequence

import streamlit as st

from ftcore import formatting, paths
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.experiments import catalog
from ftcore.experiments.kinds import kind_of
from ftcore.modes import REFERENCES
from ftcore.tracking import Run
from pages.components.charts.palette import BADGES
from pages.components.compare.finished_view import finished_view
from pages.components.compare.learning_curve_view import finished_curve, live_curve
from pages.components.compare.result_cache import bundled_results, results_of
from pages.components.runs import live_comparison
from pages.components.runs.side_by_side import warn_if_unfair
from pages.components.runs.stored_files import fetch_files
from pages.components.text.escaping import escape_html


def experiment_view(experiment: str, run_ids: Sequence[str]) -> None:
    """Draw the experiment, or the runs. Raises UnfreezeError if there is none of that id."""
    bundled = experiment in catalog.BUNDLED
    if bundled:
        results = bundled_results(experiment)
        runs = [result.run for result in results]
    else:
        ids = run_ids or _run_ids(experiment, str(paths.home()))
        runs = [live_comparison.cached_run(run_id) for run_id in ids]
    live = any(run.live for run in runs)
    is_curve = not run_ids and kind_of(run.config.limit for run in runs) == "learning curve"
    _head(runs, live, is_curve)
    warn_if_unfair(_of_one_size(runs) if is_curve else runs)
    if live and is_curve:
        live_curve([run.run_id for run in runs])
        return
    if live:
        live_comparison.live_comparison([run.run_id for run in runs])
        return
    states = tuple((run.run_id, run.revision) for run in runs)
    if not bundled:
        fetch_files(run.run_id for run in runs)
        results = results_of(states)
    finished_curve(results) if is_curve else finished_view(results)


def _of_one_size(runs: Sequence[Run]) -> list[Run]:
    """The runs of a learning curve that differ in nothing but the mode: those of the last size and seed."""
    last = runs[-1].config
    same = last.limit, last.seed
    return [run for run in runs if (run.config.limit, run.config.seed) == same]


@st.cache_data(ttl=2, show_spinner=False)
def _run_ids(experiment: str, home: str) -> list[str]:
    return catalog.run_ids(experiment)


def _head(runs: Sequence[Run], live: bool, is_curve: bool) -> None:
    """Draw a small heading, as the verdict below is large, and the buttons."""
    name = runs[0].experiment_name if len({run.experiment for run in runs}) == 1 else ""
    title = escape_html(name or f"{len(runs)} runs compared")
    shared = _shared_settings(runs, name, is_curve)
    place = {"horizontal_alignment": "distribute", "vertical_alignment": "center"}
    with st.container(horizontal=True, **place):
        st.html(
            f'<h1 style="font-size:1.1rem;font-weight:600;padding:0;margin:0">{title}</h1>'
            f'<div style="font-size:.9rem;opacity:.75">{escape_html(shared)}</div>',
            width="content",
        )
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            others = sorted({run.status for run in runs} - {"finished"})
            if others and not live:
                finished = sum(run.status == "finished" for run in runs)
                st.caption(f"{finished} of {len(runs)} finished", width="content")
                for status in others:
                    st.badge(status.capitalize(), color=BADGES.get(status, "gray"))
            if resumable := [run.run_id for run in runs if run.resumable]:
                live_comparison.resume_button(resumable)
            if live:
                live_comparison.pause_and_stop_buttons([run.run_id for run in runs])
            if st.button("New experiment", key="new", icon=":material/add:"):
                st.query_params.clear()
                st.rerun()


def _duration(config: FineTuneConfig) -> str:
    """How long the runs train."""
    if config.minutes:
        return f"{config.minutes:g} minutes"
    return f"{config.steps:,} steps" if config.steps else f"{config.epochs} epochs"


def _shared_settings(runs: Sequence[Run], name: str, is_curve: bool) -> str:
    """What the runs have in common, in a line, without what their `name` already says."""
    networks = [run for run in runs if run.config.mode not in REFERENCES] or list(runs)
    config = networks[0].config
    seeds = sorted({run.config.seed for run in networks})
    data = dict.fromkeys(run.config.dataset for run in runs)  # two, if they are versions
    sizes = sorted({run.config.limit or math.inf for run in networks})
    shown = [f"{size:,}" if size < math.inf else "all" for size in sizes]
    parts = [
        formatting.listing([datasets.title(name) for name in data]),
        f"{', '.join(shown)} training texts",
        f"from {config.checkpoint}" if config.checkpoint else "",
        "" if is_curve else _duration(config),  # which depends on mode and size
        f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds",
    ]
    return " · ".join(part for part in parts if part and part not in name)
