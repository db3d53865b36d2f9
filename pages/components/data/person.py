"""The name under which a visitor gives labels."""

import streamlit as st


def person() -> str:
    """Draw the input of the visitor's name, which stays for the session, and return it."""
    options = {"max_chars": 60, "width": 200, "persist_state": "session"}
    return st.text_input("Your name", "Labeller", key="label_person", **options).strip()
