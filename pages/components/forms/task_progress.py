"""A progress bar for a long task of the core that runs within a page."""

import time
from typing import TypeVar

import streamlit as st

from ftcore.events import Event, Noted, Progress, Task, drain
from ftcore.formatting import count, size
from pages.components.text.escaping import escape_markdown
from pages.components.text.labels import PHASE_TITLES

REDRAW_SECONDS = 0.1
T = TypeVar("T")


def run_task(task: Task[T]) -> T:
    """Run the task under a progress bar, draw its notes in the place of the bar, return its result."""
    bar = st.progress(0.0, "Starting")
    drawn = 0.0

    def draw(event: Event) -> None:
        nonlocal drawn
        if isinstance(event, Noted):
            st.info(escape_markdown(event.note))
        if isinstance(event, Progress) and time.monotonic() - drawn > REDRAW_SECONDS:
            drawn = time.monotonic()
            share = min(event.done / event.total, 1.0) if event.total else 0.0
            bar.progress(share, progress_text(event))

    try:
        return drain(task, draw)
    finally:
        task.close()  # a page that was left raises in `draw`
        bar.empty()


def progress_text(event: Progress) -> str:
    """The progress in words, as in `Reading: 500 of 7,600 texts`."""
    number = size if event.unit == "bytes" else count
    text = f"{PHASE_TITLES[event.phase]}: {number(event.done)}"
    if event.total:
        text += f" of {number(event.total)}"
    return text if event.unit == "bytes" else f"{text} {event.unit}".rstrip()
