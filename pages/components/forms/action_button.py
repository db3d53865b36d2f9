"""A quiet button in a list that acts at once."""

from collections.abc import Callable

import streamlit as st

from ftcore.errors import UnfreezeError
from pages.components.text.errors import show_refusal


def action_button(
    label: str, icon: str, key: str, action: Callable[[], object], disabled: bool = False
) -> None:
    """Draw the button; a click acts and draws the page anew, or shows why that is refused."""
    options = {"icon": f":material/{icon}:", "type": "tertiary", "disabled": disabled}
    if st.button(label, key=f"{label}_{key}", **options):
        try:
            action()
        except UnfreezeError as error:
            show_refusal(error)
        else:
            st.rerun()
