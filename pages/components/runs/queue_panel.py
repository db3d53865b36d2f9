"""The waiting runs, with buttons that change their order or remove them from the queue."""

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
        st.markdown(f"**Waiting: {waiting}**, one after the other")
        names = {run_id: run_id[:8] for run_id in run_ids}
        for run in tracking.find_runs(run_ids[: MAX_SHOWN + 1]):
            names[run.run_id] = escape_markdown(run.name)
        for place in range(1, min(waiting, MAX_SHOWN) + 1):
            _waiting_run(run_ids, place, names)
        if waiting > MAX_SHOWN:
            st.caption(f"and {waiting - MAX_SHOWN} more")


def _waiting_run(run_ids: list[str], place: int, names: dict[str, str]) -> None:
    run_id = run_ids[place]

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
        st.markdown(f"{place}. {names[run_id]}", width="stretch")
        st.caption(f"after {names[run_ids[place - 1]]}", width="content")
        move = partial(scheduler.queue.move, run_id)
        button("Earlier", "arrow_upward", partial(move, -1), disabled=place == 1)
        button("Later", "arrow_downward", partial(move, 1), disabled=place == len(run_ids) - 1)
        button("Take off", "close", partial(scheduler.stop, run_id))
