"""The picture of what trains in each mode; it takes its text colour from the theme."""

from pathlib import Path

import streamlit as st

# A component, because `st.html` strips SVG and `st.image` knows nothing of the theme.
_mount = st.components.v2.component(
    "unfreeze_blocks", html=(Path(__file__).parent / "blocks.svg").read_text("utf-8")
)


def blocks() -> None:
    """Draw the model's blocks, frozen and trained, in both modes."""
    _mount(key="blocks")
