"""The classes that texts are told apart by: defined before the first label, and added to later."""

import streamlit as st

from ftcore.data.store import labelling
from ftcore.data.store.card import Card
from pages.components.text.sentences import show_errors


def classes_form(card: Card, person: str) -> None:
    """Draw the form that defines the first classes of a dataset."""
    st.markdown("Name the classes that the texts belong to, one on each line.")
    _form(card, person, "Start labelling", least=2)


@st.dialog("More classes")
def add_classes(card: Card, person: str) -> None:
    """Draw the form that adds classes; a label that was given stays."""
    _form(card, person, "Add", least=1)


def _form(card: Card, person: str, button: str, least: int) -> None:
    with st.form("classes", border=False):
        text = st.text_area("Classes", placeholder="praise\ncomplaint\nquestion", height=140)
        if not st.form_submit_button(button, type="primary"):
            return
    names = [line for line in text.splitlines() if line.strip()]
    if len(names) < least:
        st.info("Name two classes at least." if least == 2 else "Name a class.")
        return
    with show_errors():
        labelling.define_classes(card, names, person)
        st.rerun()
