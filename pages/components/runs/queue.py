"""The queue: what trains, what waits for it, and in which order."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from ftcore import tracking
from ftcore.errors import UnfreezeError
from ftcore.runs import queue as job_queue
from pages.components.runs.run_controls import refused
from pages.components.text.escaping import plain

SHOWN = 10  # of those that wait


def queue() -> None:
    """The runs that wait, to be put earlier, later or taken off; nothing where none does."""
    order = job_queue.queue()
    if len(order) > 1:
        st.fragment(_draw, run_every=2.0)(tuple(order))


def _draw(seen: tuple[str, ...]) -> None:
    order = job_queue.queue()
    if tuple(order) != seen:
        st.rerun()  # of the whole page: who waits changed
    with st.container(border=True, key="queue"):
        st.markdown(f"**Waiting: {len(order) - 1}**, one after the other")
        there = tracking.several(order[: SHOWN + 1])
        names = {run_id: run_id[:8] for run_id in order} | {
            one.run_id: plain(one.name) for one in there
        }
        for place, run_id in enumerate(order[1 : SHOWN + 1], start=1):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"{place}. {names[run_id]}", width="stretch")
                st.caption(f"after {names[order[place - 1]]}", width="content")
                for name, icon, by in (
                    ("Earlier", "arrow_upward", -1),
                    ("Later", "arrow_downward", 1),
                ):
                    if st.button(
                        name,
                        key=f"{name}_{run_id}",
                        icon=f":material/{icon}:",
                        type="tertiary",
                        disabled=not 1 <= place + by < len(order),
                    ):
                        _do(job_queue.move, run_id, by)
                if st.button(
                    "Take off", key=f"off_{run_id}", icon=":material/close:", type="tertiary"
                ):
                    _do(job_queue.stop, run_id)
        if len(order) - 1 > SHOWN:
            st.caption(f"and {len(order) - 1 - SHOWN} more")


def _do(action: Callable[..., None], *what: Any) -> None:
    try:
        action(*what)
    except UnfreezeError as error:
        refused(error)
    else:
        st.rerun()
