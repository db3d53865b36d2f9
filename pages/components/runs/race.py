"""Runs that go on: the state of each in a line, and all curves on the same axes."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from ftcore import tracking
from ftcore.errors import UnfreezeError
from ftcore.experiments import comparison
from ftcore.experiments.plan import Result
from ftcore.runs import queue
from ftcore.tracking import Run
from pages.components.charts.live_chart import AXES, live_charts_of, packed
from pages.components.charts.palette import model_colour
from pages.components.runs import overlay
from pages.components.text import formatting
from pages.components.text.escaping import plain

TICK = 1.0  # seconds from one drawing to the next
_FAINT = "rgba(128,128,128,.18)"


@dataclass(frozen=True)
class Snapshot:
    """What all who watch the same runs see in the same second."""

    live: bool
    lanes: str
    curves: bytes


def race(run_ids: Sequence[str]) -> None:
    """Draw the runs again and again, until all are over; then the whole page anew."""
    st.fragment(_draw, run_every=TICK)(tuple(run_ids))


def for_all(action: Callable[[str], None], run_ids: Sequence[str]) -> None:
    """Pause or stop all that are not over; those that wait first, so that none begins meanwhile."""
    try:
        for run_id in reversed(run_ids):
            if tracking.run(run_id).live:
                action(run_id)
    except UnfreezeError as error:
        st.error(plain(str(error)))


def axis_input() -> str:
    """What the curves run over; the choice stands in the address, as `by`."""
    return st.segmented_control(
        "Horizontal axis",
        AXES,
        format_func=AXES.get,
        default="step",
        required=True,
        key="by",
        bind="query-params",
        label_visibility="collapsed",
    )


def _draw(run_ids: tuple[str, ...]) -> None:
    above = st.container()
    try:
        now = snapshot(run_ids, axis_input())
    except UnfreezeError as error:  # one was deleted in another tab
        st.error(plain(str(error)))
        return
    if not now.live:
        st.rerun()
    with above:
        st.html(now.lanes)
        live_charts_of(now.curves, key="race")


@st.cache_data(ttl=TICK, max_entries=50, show_spinner=False)  # ten tabs look, and one reads
def snapshot(run_ids: tuple[str, ...], axis: str) -> Snapshot:
    """The runs as they are now."""
    nothing = pd.DataFrame({"seconds": []})
    results = [Result(run, _history(run), nothing, None) for run in map(seen, run_ids)]
    return Snapshot(
        any(one.run.live for one in results),
        lanes(results),
        packed(overlay.race(results), axis, ",".join(run_ids), until=end(results, axis)),
    )


def end(results: Sequence[Result], axis: str) -> float | None:
    """Where the axis will end; nobody knows it for seconds, nor before the first run has begun."""
    ends = []
    for run in (result.run for result in results):
        if "steps_per_epoch" in run.facts:
            steps, epochs = run.facts["steps"], run.config.epochs
            examples = run.facts["train_texts"] * epochs
            ends.append({"step": steps, "epoch": epochs, "examples": examples}.get(axis, 0))
    return max(ends, default=0) or None


def seen(run_id: str) -> Run:
    """A run; one that came to its end is not read again. Any other may yet be resumed."""
    known = _over()
    if run_id in known:
        return known[run_id]
    run = tracking.run(run_id)
    if run.status == "finished":
        known[run_id] = run
    return run


@st.cache_resource(show_spinner=False)
def _over() -> dict[str, Run]:
    """Runs that came to their end, by id."""
    return {}


def _history(run: Run) -> pd.DataFrame:
    return pd.DataFrame() if run.status == "queued" else overlay.curves(run)


def lanes(results: list[Result]) -> str:
    """A line a run: its mode, how far it is in its mode's colour, and that in words; safe HTML."""
    names = {}
    for name, group in comparison.grouped(results):
        for result in group:
            seed = f", seed {result.run.config.seed}" if len(group) > 1 else ""
            names[result.run.run_id] = name + seed
    rows = "".join(_lane(result, names[result.run.run_id]) for result in results)
    return (
        '<div role="list" style="display:grid;gap:.35rem 2.5rem;'
        f'grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr))">{rows}</div>'
    )


def _lane(result: Result, name: str) -> str:
    share, state = progress(result.run, result.history)
    colour = model_colour(result.run.config.mode)
    return (
        '<div role="listitem" style="display:grid;grid-template-columns:9rem 1fr 8rem;gap:.75rem;'
        'align-items:center;font-size:.95rem">'
        f'<span style="font-weight:600;overflow:hidden;text-overflow:ellipsis;white-space:nowrap">'
        f"{html.escape(name)}</span>"
        f'<span aria-hidden="true" style="height:.6rem;border-radius:.3rem;background:{_FAINT}">'
        '<span style="display:block;height:100%;border-radius:.3rem;'
        f'width:{share:.1%};background:{colour}"></span></span>'
        f'<span style="font-variant-numeric:tabular-nums;white-space:nowrap">'
        f"{html.escape(state)}</span></div>"
    )


def progress(run: Run, history: pd.DataFrame) -> tuple[float, str]:
    """How far a run is, from 0 to 1, and that in words."""
    if run.status == "finished":
        return 1.0, f"done in {formatting.duration(run.metrics.get('seconds'))}"
    if run.status == "queued":
        return 0.0, "waiting"
    reached = float(history["step"].max()) if len(history) else 0.0
    if run.phase == "training":
        reached = max(reached, run.phase_done)
    share = min(1.0, reached / max(1.0, float(run.facts.get("steps", 1))))
    if run.status != "running":
        return share, run.status
    if run.phase in ("training", "evaluating"):
        return share, f"training {share:.0%}"
    return share, formatting.PHASES[run.phase].lower()


def while_it_goes(run_ids: Sequence[str]) -> None:
    """Draw the buttons that pause all, or end all."""
    if st.button(
        "Pause",
        key="pause",
        icon=":material/pause:",
        help="Go on later with all that is not done, also after a restart.",
    ):
        for_all(queue.pause, run_ids)
    with st.popover("Stop", key="stop", icon=":material/stop_circle:"):
        st.markdown("The run in training keeps its best so far; those that wait never begin.")
        if st.button("Stop all", key="stop_all", type="primary"):
            for_all(queue.stop, run_ids)


def resume_button(run_ids: Sequence[str]) -> None:
    """Draw the button that lets all of them go on, in their order."""
    if st.button(
        "Resume",
        key="resume",
        icon=":material/play_arrow:",
        type="primary",
        help="What was paused or interrupted goes on where it was.",
    ):
        try:
            queue.resume(*run_ids)
        except UnfreezeError as error:
            st.error(plain(str(error)))
        else:
            st.rerun()
