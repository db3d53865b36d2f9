"""How the texts of a dataset fit a checkpoint: what it reads of them, and what of them it knows."""

import streamlit as st

from ftcore.data.text_dataset import TextDataset
from ftcore.models import checkpoints
from pages.components.forms import settings_form
from pages.components.forms.task_progress import run_task
from pages.components.text.escaping import escape_markdown
from pages.components.text.sentences import show_errors


@st.fragment
def fit_view(dataset: TextDataset) -> None:
    """Draw the choice of a checkpoint, and what speaks against it once the button was clicked."""
    available = {each.ref: each for each in checkpoints.list_checkpoints()}
    if not available:
        return
    st.subheader("Fit to a model", anchor=False)
    chosen = st.session_state.get(settings_form.key("checkpoint"))
    start = list(available).index(chosen) if chosen in available else 0
    with st.container(horizontal=True, vertical_alignment="bottom"):
        ref = st.selectbox(
            "Checkpoint",
            available,
            start,
            key="data_fit",
            format_func=lambda ref: available[ref].title if ref in available else ref,
        )
        clicked = st.button("Check", icon=":material/straighten:")
    checkpoint, found = available[ref], st.session_state.setdefault("data_fits", {})
    if clicked:
        with show_errors():
            with st.spinner("Reading the model …"):
                from ftcore.models import text_fit  # imports torch
            sentences = run_task(text_fit.examine(checkpoint, dataset.train.texts))
            found[dataset.fingerprint, ref] = [each.sentence for each in sentences]
    if (dataset.fingerprint, ref) not in found:
        st.caption("Whether the model reads the texts whole, and knows their words.")
        return
    title = escape_markdown(checkpoint.title)
    for sentence in found[dataset.fingerprint, ref]:
        st.markdown(f":material/info: {escape_markdown(sentence)}")
    if not found[dataset.fingerprint, ref]:
        st.markdown(f":material/check: {title} knows their words and reads them whole.")
