"""The name of the visitor, under which runs are queued."""

import streamlit as st

from ftcore import people
from pages.components.shell import sign_in

KEY = "visitor"


def name_input() -> None:
    """Draw an input of the visitor's name where several people share one password, which names nobody."""
    if sign_in.is_required() and not sign_in.by_streamlit():
        help = "People take turns in the queue. The name is recorded with your runs."
        options = {"max_chars": people.MAX_NAME, "persist_state": "session", "help": help}
        st.text_input("Your name", key=KEY, placeholder="optional", **options)


def name() -> str:
    """The name by the sign-in, the one that was typed, or that of the user who serves the dashboard."""
    if sign_in.by_streamlit():
        return people.name(str(st.user.get("name") or st.user.get("email") or ""))
    if sign_in.is_required():
        return people.name(st.session_state.get(KEY, ""))
    return people.of_process()
