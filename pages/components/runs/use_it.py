"""How programs use the model of a run: its endpoint, and the call in three languages."""

import streamlit as st

from ftcore.serving import snippets
from ftcore.tracking import Run

_HIGHLIGHTING = {"Python": "python", "curl": "bash", "JavaScript": "javascript"}


def use_it(run: Run) -> None:
    """Draw the command that serves the model, and the lines that call it."""
    st.markdown("Start an endpoint on this machine:")
    st.code(snippets.command(run.run_id), "bash", wrap_lines=True)
    st.markdown("Then call it:")
    text = next(iter(run.config.watched), snippets.TEXT)
    calls = snippets.snippets(text)
    language = st.segmented_control(
        "Language", list(calls), default="Python", key="use_it", required=True, width="content"
    )
    st.code(calls[language], _HIGHLIGHTING[language], wrap_lines=True)
    st.caption(
        "If `UNFREEZE_API_KEY` is set, add the header `Authorization: Bearer KEY`. "
        f"`http://{snippets.HOST}:{snippets.PORT}/` shows all paths, and lets you try it."
    )
