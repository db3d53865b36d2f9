"""The buttons that pause, stop, resume, keep or discard a run."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from ftcore import tracking
from ftcore.errors import UnfreezeError
from ftcore.runs.scheduler import scheduler
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_refusal

_DISCARDED = "discarded_run"


def live_controls(run: tracking.Run) -> None:
    """Draw Pause and Stop, for a running or queued run."""
    if run.status == "running" and st.button(
        "Pause", key="pause", icon=":material/pause:", help="Resume it later, also after a restart."
    ):
        _apply(scheduler.pause, run, "Pausing after this step.")
    with st.popover("Stop", key="stop", icon=":material/stop_circle:"):
        if run.status == "queued":
            st.markdown("It has not begun yet.")
            if st.button("Take it off the queue", key="stop_keep", type="primary"):
                _apply(scheduler.stop, run, "Taken off.")
            return
        st.markdown("Keep the best model so far, or discard the run for good?")
        with st.container(horizontal=True):
            if st.button("Stop and keep", key="stop_keep", type="primary"):
                _apply(scheduler.stop, run, "Stopping after this step.")
            discarded = st.button("Discard", key="discard", icon=":material/delete:")
            if discarded and _apply(scheduler.discard, run, "Discarding after this step."):
                st.session_state[_DISCARDED] = run.run_id


def resume_controls(run: tracking.Run, has_checkpoint: bool) -> None:
    """Draw Resume, Keep and Discard, for a paused or interrupted run."""
    if st.button("Resume", key="resume", type="primary", icon=":material/play_arrow:"):
        _apply(partial(scheduler.resume, fetch=run_task), run)
    if has_checkpoint and st.button(
        "Keep", key="keep", icon=":material/check:", help="Ends the run here; its best model stays."
    ):
        _apply(scheduler.stop, run)
    with st.popover("Discard", key="discard", icon=":material/delete:"):
        st.markdown("Delete the run, its curves and its model for good?")
        if st.button("Discard for good", key="discard_yes", type="primary"):
            _apply(scheduler.discard, run, leave=True)


def discarded_here(run_id: str) -> bool:
    """Whether this tab asked to discard the run; True once per request."""
    return bool(st.session_state.pop(_DISCARDED, "") == run_id)


def _apply(
    action: Callable[[str], None], run: tracking.Run, message: str = "", leave: bool = False
) -> bool:
    """Apply the action to the run, then show the message or rerun the page; or show why it is refused.

    `leave` takes the run out of the address first. Returns whether the action was taken.
    """
    try:
        action(run.run_id)
    except UnfreezeError as error:
        show_refusal(error)
        return False
    if message:
        st.toast(message)
        return True
    if leave:
        st.query_params.clear()
    st.rerun()
