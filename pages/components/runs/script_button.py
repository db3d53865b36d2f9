"""A run as plain PyTorch code, in a dialog."""

import streamlit as st

from ftcore.exchange import script
from ftcore.modes import REFERENCES
from ftcore.tracking import Run
from pages.components.text.errors import show_errors


def script_button(run: Run) -> None:
    """Draw the button that shows the code; references have none."""
    has_code = run.config.mode not in REFERENCES
    if has_code and st.button("Show the code", key="code", icon=":material/code:"):
        st.dialog("The code of this run", width="large")(_show_code)(run)


def _show_code(run: Run) -> None:
    code = ""
    with show_errors():
        code = script.script(run.run_id)
    if not code:
        return
    explanation = "Plain PyTorch that does the same without Unfreeze."
    st.markdown(f"{explanation} Run here, on the CPU, it ends with the same accuracy.")
    with st.container(horizontal=True):
        options = {"icon": ":material/download:", "on_click": "ignore"}
        name = f"run-{run.run_id[:8]}.py"
        st.download_button("Download", code, name, "text/x-python", type="primary", **options)
        if run.config.dataset == "sample":
            options |= {"icon": ":material/folder_zip:", "help": "Unpack it beside the code."}
            archive = script.sample_archive
            st.download_button("The sample", archive, "sample.zip", "application/zip", **options)
    st.code(code, language="python", height=420)
