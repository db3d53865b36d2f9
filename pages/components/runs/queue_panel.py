"""The waiting runs in the order in which they will start, with buttons that change it or take a run off."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from ftcore import tracking
from ftcore.errors import UnfreezeError
from ftcore.runs.scheduler import scheduler
from pages.components.runs.run_controls import show_refusal
from pages.components.text.escaping import escape_markdown

MAX_SHOWN = 10


def queue_panel() -> None:
    """Draw the waiting runs, or nothing if there are none."""
    run_ids = scheduler.queue.order()
    if len(run_ids) > 1:
        st.fragment(_draw, run_every=2.0)(run_ids)


def _draw(drawn: list[str]) -> None:
    run_ids = scheduler.queue.order()
    if run_ids != drawn:
        st.rerun()
    waiting = len(run_ids) - 1
    with st.container(border=True, key="queue"):
        runs = {run.run_id: run for run in tracking.find_runs(run_ids[: MAX_SHOWN + 1])}
        several = len({run.person for run in runs.values()}) > 1
        how = "people take turns" if several else "one after the other"
        st.markdown(f"**Waiting: {waiting}**, {how}")
        names = {run_id: run_id[:8] for run_id in run_ids}
        names |= {run_id: escape_markdown(run.name) for run_id, run in runs.items()}
        for place in range(1, min(waiting, MAX_SHOWN) + 1):
            run = runs.get(run_ids[place])
            caption = _caption(run, several) or f"after {names[run_ids[place - 1]]}"
            _waiting_run(run_ids[place], place, names[run_ids[place]], caption)
        if waiting > MAX_SHOWN:
            st.caption(f"and {waiting - MAX_SHOWN} more")


def _caption(run: tracking.Run | None, several: bool) -> str:
    """Whose run it is if several people wait, and its priority if it has one."""
    if run is None:
        return ""
    person = f"of {escape_markdown(run.person)}" if several else ""
    priority = f"{run.priority} priority" if run.priority != "normal" else ""
    return ", ".join(filter(None, (person, priority)))


def _waiting_run(run_id: str, place: int, name: str, caption: str) -> None:
    def button(label: str, icon: str, action: Callable[[], None], disabled: bool = False) -> None:
        options = {"icon": f":material/{icon}:", "type": "tertiary", "disabled": disabled}
        if st.button(label, key=f"{label}_{run_id}", **options):
            try:
                action()
            except UnfreezeError as error:
                show_refusal(error)
            else:
                st.rerun()

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"{place}. {name}", width="stretch")
        st.caption(caption, width="content")
        for label, icon, by in (("Earlier", "arrow_upward", -1), ("Later", "arrow_downward", 1)):
            disabled = not scheduler.queue.can_move(run_id, by)
            button(label, icon, partial(scheduler.queue.move, run_id, by), disabled)
        button("Take off", "close", partial(scheduler.stop, run_id))
