"""Uploaded files as files on disk, which is what the core reads."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from ftcore.storage import scratch

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

MAX_MB = 200
"""Of an upload, which stays in memory; a larger file is given by its path."""


class Uploads:
    """Copies of a visitor's files by the key of their input, deleted with the session at the latest."""

    def __init__(self) -> None:
        self._folder = scratch.Temporary()
        self._ids: dict[str, str] = {}

    def path(self, key: str, upload: "UploadedFile") -> Path:
        """Return where the copy of an upload is; it is written if it is a new one."""
        file = self._folder.path / key / Path(upload.name).name[-60:]
        if self._ids.get(key) != upload.file_id:
            self.remove(key)
            file.parent.mkdir(parents=True)
            file.write_bytes(upload.getbuffer())
            self._ids[key] = upload.file_id
        return file

    def remove(self, key: str) -> None:
        """Delete the copy of an upload, if there is one."""
        if self._ids.pop(key, ""):
            shutil.rmtree(self._folder.path / key, ignore_errors=True)


def of_session() -> Uploads:
    """The uploads of this visitor."""
    if "uploads" not in st.session_state:
        st.session_state.uploads = Uploads()
    uploads: Uploads = st.session_state.uploads
    return uploads
