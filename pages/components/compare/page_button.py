"""The button that makes an experiment's page to take home, and then offers it as a download."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from ftcore import formatting
from ftcore.exchange.takeaway.export import write_page
from ftcore.experiments import takeaway
from ftcore.experiments.result import Result
from ftcore.storage.scratch import Temporary
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_errors

NAME = "unfreeze-page.html"
HELP = (
    "One file with a model of each mode, which answers offline in any browser, below the verdict."
)


class _Made(NamedTuple):
    """The last page that a visitor had made. Its folder is deleted with the session at the latest."""

    refs: list[str]
    file: Path
    folder: Temporary


def page_button(results: list[Result]) -> None:
    """Draw the button, or the download of what it made; nothing if no model was kept."""
    refs = takeaway.models(results)
    if not refs:
        return
    made: _Made | None = st.session_state.get("made_page")
    if made and made.refs == refs:
        label = f"Download the page, {formatting.size(made.file.stat().st_size)}"
        options = {"icon": ":material/download:", "on_click": "ignore", "type": "primary"}
        st.download_button(label, made.file.read_bytes, NAME, "text/html", **options)
    elif st.button("Page to take home", icon=":material/ios_share:", help=HELP):
        with show_errors():
            st.session_state.pop("made_page", None)  # deletes the file before it
            folder = Temporary()
            target = folder.path / NAME
            file = run_task(write_page(refs, target, takeaway.heading(results)))
            st.session_state.made_page = _Made(refs, file, folder)
            st.rerun()
