"""Errors as messages on the page."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from ftcore.errors import UnfreezeError
from pages.components.text.escaping import escape_markdown


@contextmanager
def show_errors() -> Iterator[None]:
    """Show an UnfreezeError of the block as a message; the page goes on after the block."""
    try:
        yield
    except UnfreezeError as error:
        show_error(error)


def show_error(error: UnfreezeError) -> None:
    """Show why something cannot be done."""
    st.error(escape_markdown(str(error)))


def show_refusal(error: UnfreezeError) -> None:
    """Show why something cannot be done, in a toast that outlives a redrawn fragment."""
    st.toast(escape_markdown(str(error)), icon=":material/error:", duration="long")
