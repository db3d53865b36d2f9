"""A long task of the core, run within a page."""

import time
from typing import TypeVar

import streamlit as st

from ftcore.events import Event, Progress, Task, drain
from pages.components.text import sizes
from pages.components.text.formatting import PHASES, count

REDRAW_SECONDS = 0.1
T = TypeVar("T")


def run_task(task: Task[T]) -> T:
    """Draw a bar while the task runs, take the bar away, and return the task's result."""
    bar = st.progress(0.0, "Starting")
    drawn = 0.0

    def draw(event: Event) -> None:
        nonlocal drawn
        if isinstance(event, Progress) and time.monotonic() - drawn > REDRAW_SECONDS:
            drawn = time.monotonic()
            share = min(event.done / event.total, 1.0) if event.total else 0.0
            bar.progress(share, said(event))

    try:
        return drain(task, draw)
    finally:
        task.close()  # also where the page was left, which Streamlit makes known at a `draw`
        bar.empty()


def said(event: Progress) -> str:
    """Reading: 500 of 7,600 texts."""
    say = sizes.disk if event.unit == "bytes" else count
    of = f" of {say(event.total)}" if event.total else ""
    unit = "" if event.unit == "bytes" else f" {event.unit}"
    return f"{PHASES[event.phase]}: {say(event.done)}{of}{unit}"
