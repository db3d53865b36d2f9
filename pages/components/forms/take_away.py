"""The formats in which a checkpoint leaves, each made on demand and then offered as a download."""

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from ftcore import formatting
from ftcore.exchange.formats import FORMATS, HUB, export_file
from ftcore.models.checkpoints import Checkpoint
from ftcore.storage.scratch import Temporary
from pages.components.forms.push_form import push_form
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_markdown


class _Made(NamedTuple):
    """The last file that a visitor had made. Its folder is deleted with the session at the latest."""

    ref: str
    version: str
    format: str
    file: Path
    folder: Temporary


def take_away_button(checkpoint: Checkpoint, key: str) -> None:
    """Draw the button that opens the formats in a dialog."""
    if st.button("Take it away", key=key, icon=":material/ios_share:"):
        title = f"Take away: {escape_markdown(checkpoint.title)}"
        st.dialog(title, width="large")(export_formats)(checkpoint)


def export_formats(checkpoint: Checkpoint) -> None:
    """Draw a row for each format: what it is good for, and what makes it."""
    command = f"python -m ftcore export {checkpoint.ref} TARGET --format FORMAT"
    st.caption(f"On the command line: `{command}`")
    for name, form in FORMATS.items():
        with st.container(border=True):
            st.markdown(f"**{form.title}** `{name}`  \n{escape_markdown(form.sentence)}")
            if fault := form.fault(checkpoint):
                st.caption(escape_markdown(fault))
            else:
                _make_and_download(checkpoint, name)
                if name == HUB:
                    push_form(checkpoint)


def _make_and_download(checkpoint: Checkpoint, name: str) -> None:
    if st.button("Make it", key=f"make-{name}", icon=":material/build:"):
        with show_errors():
            st.session_state.pop("made_export", None)  # deletes the file before it
            folder = Temporary()
            file = run_task(export_file(name, checkpoint.ref, folder.path))
            made = _Made(checkpoint.ref, checkpoint.version, name, file, folder)
            st.session_state.made_export = made
    made = st.session_state.get("made_export")
    if made and made[:3] == (checkpoint.ref, checkpoint.version, name):
        size = formatting.size(made.file.stat().st_size)
        options = {"icon": ":material/download:", "on_click": "ignore", "type": "primary"}
        st.download_button(f"Download, {size}", made.file.read_bytes, made.file.name, **options)
