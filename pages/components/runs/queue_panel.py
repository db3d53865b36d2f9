"""The waiting runs in the order in which they will start, with buttons that change it or take a run off."""

from functools import partial

import streamlit as st

from ftcore import tracking
from ftcore.runs.scheduler import scheduler
from pages.components.forms.action_button import action_button
from pages.components.text.escaping import escape_markdown

MAX_SHOWN = 10


def queue_panel() -> None:
    """Draw the waiting runs, or nothing if there are none."""
    run_ids = scheduler.queue.order()
    if _begun(run_ids) < len(run_ids):
        st.fragment(_draw, run_every=2.0)(run_ids)


def _begun(run_ids: list[str]) -> int:
    """How many of the runs in the queue run, or begin just now: the first ones."""
    return min(len(run_ids), max(1, len(scheduler.queue.running())))


def _draw(drawn: list[str]) -> None:
    run_ids = scheduler.queue.order()
    if run_ids != drawn:
        st.rerun()
    begun = _begun(run_ids)
    waiting = len(run_ids) - begun
    with st.container(border=True, key="queue"):
        runs = {run.run_id: run for run in tracking.find_runs(run_ids[: MAX_SHOWN + begun])}
        several = len({run.person for run in runs.values()}) > 1
        how = "people take turns" if several else "one after the other"
        st.markdown(f"**Waiting: {waiting}**, {how}")
        names = {run_id: run_id[:8] for run_id in run_ids}
        names |= {run_id: escape_markdown(run.name) for run_id, run in runs.items()}
        movable = {by: scheduler.queue.movable(by) for by in (-1, 1)}
        for place, run_id in enumerate(run_ids[begun : begun + MAX_SHOWN], 1):
            before = names[run_ids[begun + place - 2]]
            caption = _caption(runs.get(run_id), several) or f"after {before}"
            fixed = [by for by in movable if run_id not in movable[by]]
            _waiting_run(run_id, place, names[run_id], caption, fixed)
        if waiting > MAX_SHOWN:
            st.caption(f"and {waiting - MAX_SHOWN} more")


def _caption(run: tracking.Run | None, several: bool) -> str:
    """Whose run it is if several people wait, and its priority if it has one."""
    if run is None:
        return ""
    person = f"of {escape_markdown(run.person)}" if several else ""
    priority = f"{run.priority} priority" if run.priority != "normal" else ""
    return ", ".join(filter(None, (person, priority)))


def _waiting_run(run_id: str, place: int, name: str, caption: str, fixed: list[int]) -> None:
    """Draw a run; `fixed`: where it cannot be moved, -1 for earlier, 1 for later."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{place}. {name}", width="stretch")
        st.caption(caption, width="content")
        for label, icon, by in (("Earlier", "arrow_upward", -1), ("Later", "arrow_downward", 1)):
            move = partial(scheduler.queue.move, run_id, by)
            action_button(label, icon, run_id, move, by in fixed)
        action_button("Take off", "close", run_id, partial(scheduler.stop, run_id))
