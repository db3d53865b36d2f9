"""The buttons of a dialog that deletes: they show what depends on it, and end that first."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_markdown

if TYPE_CHECKING:
    from ftcore.tracking import Dependents


def delete_buttons(dependents: "Callable[[], Dependents]", delete: Callable[[], None]) -> None:
    """Draw the buttons that delete or keep. Runs among the dependents are named; `delete` ends them."""
    found = None
    with show_errors():
        found = dependents()
        found.without_runs().refuse()
    if found is None or found.checkpoints:
        if st.button("Keep"):
            st.rerun()
        return
    if found.runs:
        names = ", ".join(f"**{escape_markdown(run.name)}** ({run.status})" for run in found.runs)
        st.markdown(
            f"Runs that still need it are stopped first, and keep their best models: {names}."
        )
    with st.container(horizontal=True):
        label = "End and delete" if found.runs else "Delete"
        if st.button(label, type="primary", icon=":material/delete:"):
            with show_errors(), st.spinner("Deleting …"):
                delete()
                st.rerun()
        if st.button("Keep"):
            st.rerun()
