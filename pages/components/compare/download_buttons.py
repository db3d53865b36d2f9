"""The buttons that download what an experiment shows."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import streamlit as st

from ftcore.experiments.result import Result


class Download(NamedTuple):
    """A file made from results: its name on the button, what writes it, its kind, an icon and a help."""

    label: str
    write: Callable[[list[Result]], str | bytes]
    kind: str
    icon: str
    help: str


def download_buttons(results: list[Result], *downloads: Download) -> None:
    """Draw a button for each; a file is written when it is asked for."""
    for each in downloads:
        options = {"icon": f":material/{each.icon}:", "on_click": "ignore", "help": each.help}
        name = f"unfreeze-{each.label.lower()}.{each.kind}"
        write = partial(each.write, results)
        st.download_button(each.label, write, name, f"text/{each.kind}", **options)
