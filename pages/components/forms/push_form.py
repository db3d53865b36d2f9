"""A fine-tuned encoder goes to the Hugging Face Hub."""

import streamlit as st

from ftcore.exchange import formats
from ftcore.models.checkpoints import Checkpoint
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_errors


def push_form(checkpoint: Checkpoint) -> None:
    """Draw the form; push when it is submitted. The token leaves the session with the submission."""
    with st.expander("Push to the Hub", icon=":material/cloud_upload:"):
        name = st.text_input("Name on the Hub", placeholder="OWNER/NAME", key="push_name")
        private = st.checkbox("Private: nobody else sees it", True, key="push_private")
        with st.form("push", clear_on_submit=True, border=False):
            token = st.text_input(
                "Token",
                type="password",
                key="push_token",
                autocomplete="off",
                placeholder="Empty: that of HF_TOKEN, or of hf auth login",
                help="One that may write. It is used for this push and kept nowhere.",
            )
            if st.form_submit_button("Push", icon=":material/cloud_upload:"):
                with show_errors():
                    task = formats.push(checkpoint.ref, name.strip(), private, token.strip())
                    st.success(f"Pushed to {run_task(task)}")
