"""The buttons that end a run, pause it or let it go on; what cannot be undone is asked first."""

from collections.abc import Callable

import streamlit as st

from ftcore import tracking
from ftcore.errors import UnfreezeError
from ftcore.runs import queue
from pages.components.text.escaping import plain

_DISCARDED = "discarded_run"


def while_it_goes(run: tracking.Run) -> None:
    """Pause and Stop, for a run that trains or waits."""
    if run.status == "running" and st.button(
        "Pause", key="pause", icon=":material/pause:", help="Go on later, also after a restart."
    ):
        _do(queue.pause, run, "Pausing after this step.")
    with st.popover("Stop", key="stop", icon=":material/stop_circle:"):
        if run.status == "queued":
            st.markdown("It has not begun yet.")
            if st.button("Take it off the queue", key="stop_keep", type="primary"):
                _do(queue.stop, run, "Taken off.")
            return
        st.markdown("Keep the best model so far, or discard the run for good?")
        with st.container(horizontal=True):
            if st.button("Stop and keep", key="stop_keep", type="primary"):
                _do(queue.stop, run, "Stopping after this step.")
            if st.button("Discard", key="discard", icon=":material/delete:"):
                st.session_state[_DISCARDED] = run.run_id
                _do(queue.discard, run, "Discarding after this step.")


def refused(error: UnfreezeError) -> None:
    """Say why something cannot be done, so that it stays while what goes on is drawn anew."""
    st.toast(plain(str(error)), icon=":material/error:", duration="long")


def discarded(run_id: str) -> bool:
    """Whether this tab asked for the run to be discarded; it is asked once."""
    return bool(st.session_state.pop(_DISCARDED, "") == run_id)


def when_it_rests(run: tracking.Run, kept: bool) -> None:
    """Resume, Keep and Discard, for a run that was paused or interrupted."""
    if st.button("Resume", key="resume", type="primary", icon=":material/play_arrow:") and _do(
        queue.resume, run
    ):
        st.rerun()
    if (
        kept
        and st.button(
            "Keep",
            key="keep",
            icon=":material/check:",
            help="Ends the run here; its best model stays.",
        )
        and _do(queue.stop, run)
    ):
        st.rerun()
    with st.popover("Discard", key="discard", icon=":material/delete:"):
        st.markdown("Delete the run, its curves and its model for good?")
        if st.button("Discard for good", key="discard_yes", type="primary") and _do(
            queue.discard, run
        ):
            st.query_params.clear()
            st.rerun()


def _do(action: Callable[[str], None], run: tracking.Run, said: str = "") -> bool:
    """Whether it could be done; says what happens, or why not."""
    try:
        action(run.run_id)
    except UnfreezeError as error:
        refused(error)
        return False
    if said:
        st.toast(said)
    return True
