"""The form that brings an encoder in: a suggested one, another name on the Hub, or a folder."""

import streamlit as st

from ftcore.models.checkpoints import Checkpoint
from ftcore.models.suggestions import SUGGESTIONS
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_errors

OTHER = "Another, or a folder"


def encoder_form() -> Checkpoint | None:
    """Draw the form; import when its button is clicked, and return the checkpoint."""
    st.markdown(
        "An encoder is a large model that was pretrained on general text. It learns a new task from few "
        "texts, and takes longer for each."
    )
    suggestions = {suggestion.title: suggestion for suggestion in SUGGESTIONS}
    titles = [*suggestions, OTHER]
    title = st.pills("Encoder", titles, default=titles[0], key="encoder", required=True, wrap=True)
    revision = ""
    if title in suggestions:
        suggestion = suggestions[title]
        size = f"{suggestion.megabytes} MB" if suggestion.megabytes else "size unknown"
        facts = (size, suggestion.speed, suggestion.languages, suggestion.license)
        st.caption(f"{suggestion.reason}  \n{' · '.join(facts)} · `{suggestion.name}`")
        source, revision = suggestion.name, suggestion.revision
    else:
        options = {"persist_state": "session", "key": "encoder_source"}
        hint = "google/electra-small-discriminator, or a folder on this machine"
        source = st.text_input("Name on the Hub, or folder", placeholder=hint, **options).strip()
        help = "A branch, tag or commit; empty takes the newest."
        revision = st.text_input("Revision", key="encoder_revision", help=help).strip()
    if st.button("Get it", type="primary", icon=":material/download:", disabled=not source):
        return import_with_progress(source, revision)
    return None


def import_with_progress(source: str, revision: str) -> Checkpoint | None:
    """Import an encoder and draw the progress; None after an error, which is drawn."""
    with show_errors(), st.spinner("Importing …"):
        from ftcore.exchange.huggingface import import_encoder  # imports the Hub's client

        return run_task(import_encoder(source, revision=revision))
    return None
