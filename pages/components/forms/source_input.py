"""The choice of a file of texts: an upload, a path on this machine, or a name on the Hub."""

from dataclasses import dataclass

import streamlit as st

from pages.components.forms import uploads

UPLOAD, PATH, PATH_OR_HUB = "Upload", "Path", "Path or Hub"
_ON_THIS_MACHINE = "A file, folder or zip on this machine"


@dataclass(frozen=True)
class Source:
    """Where the texts are.

    Attributes:
        path: of a file, or the name of a dataset on the Hub; "" for nothing.
        name: to show; for an upload, whose path is that of a copy, the name of the file.
    """

    path: str = ""
    name: str = ""

    @property
    def shown_as(self) -> dict[str, str]:
        """What a card shows in place of the path, as `Request.shown_as`."""
        return {} if self.path == self.name else {self.path: f"{self.name}, uploaded"}


def source_input(label: str, key: str, hub: bool = True) -> Source:
    """Draw the choice, with the Hub among it or not; an empty Source until a file is given."""
    options = {"default": UPLOAD, "required": True, "persist_state": "session"}
    path_title = PATH_OR_HUB if hub else PATH
    kind = st.segmented_control(label, (UPLOAD, path_title), key=f"{key}_kind", **options)
    hidden = {"label_visibility": "collapsed"}
    copies = uploads.of_session()
    if kind == path_title:
        copies.remove(key)
        placeholder = _ON_THIS_MACHINE
        if hub:
            placeholder += ", or OWNER/NAME of the Hugging Face Hub"
        options = {"placeholder": placeholder, "persist_state": "session", **hidden}
        path = st.text_input(
            "Path or name" if hub else "Path", key=f"{key}_path", **options
        ).strip()
        return Source(path, path)
    upload = st.file_uploader("File", key=f"{key}_file", max_upload_size=uploads.MAX_MB, **hidden)
    if upload is None:
        copies.remove(key)
        return Source()
    return Source(str(copies.path(key, upload)), upload.name)
