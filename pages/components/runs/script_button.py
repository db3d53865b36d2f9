"""A run as plain PyTorch code, in a dialog."""

import streamlit as st

from ftcore.config import REFERENCES
from ftcore.errors import UnfreezeError
from ftcore.exchange import script
from ftcore.tracking import Run
from pages.components.text.errors import show_error


def script_button(run: Run) -> None:
    """Draw the button that shows the code; references have none."""
    if run.config.mode in REFERENCES:
        return
    if st.button("Show the code", key="code", icon=":material/code:"):
        st.dialog("The code of this run", width="large")(_show_code)(run)


def _show_code(run: Run) -> None:
    try:
        code = script.script(run.run_id)
    except UnfreezeError as error:
        show_error(error)
        return
    st.markdown(
        "Plain PyTorch that does the same without Unfreeze. Run here, on the CPU, it ends with the "
        "same accuracy."
    )
    with st.container(horizontal=True):
        st.download_button(
            "Download",
            code,
            f"run-{run.run_id[:8]}.py",
            "text/x-python",
            icon=":material/download:",
            on_click="ignore",
            type="primary",
        )
        if run.config.dataset == "sample":
            st.download_button(
                "The sample",
                script.sample_archive,
                "sample.zip",
                "application/zip",
                icon=":material/folder_zip:",
                on_click="ignore",
                help="Unpack it beside the code.",
            )
    st.code(code, language="python", height=420)
