"""The form that brings an encoder in: a suggested one, another name on the Hub, or a folder."""

import streamlit as st

from ftcore.errors import UnfreezeError
from ftcore.models import hub_offer
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.suggestions import SUGGESTIONS
from ftcore.validation import is_folder
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_markdown

OTHER = "Another, or a folder"
LOOK_EVERY = 0.5  # seconds between two looks whether the Hub has answered


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
        if source:
            _before_download(source, revision)
    if st.button("Get it", type="primary", icon=":material/download:", disabled=not source):
        return import_with_progress(source, revision)
    return None


def _before_download(source: str, revision: str) -> None:
    """Draw the size and the licence of a name on the Hub, once the Hub has answered."""
    from ftcore.exchange.huggingface import is_hub_name  # imports the Hub's client

    if is_hub_name(source) and not is_folder(source):
        known = hub_offer.described(source, revision) is not None
        every = None if known else LOOK_EVERY
        st.fragment(_answer_of_hub, run_every=every)(source, revision, known)


def _answer_of_hub(source: str, revision: str, known: bool) -> None:
    answer = hub_offer.described(source, revision)
    if answer is None:
        st.caption("Asking the Hub for its size and licence …")
    elif not known:
        st.rerun()  # without the timer
    elif isinstance(answer, UnfreezeError):
        st.info(escape_markdown(str(answer)))
    else:
        st.caption(escape_markdown(" · ".join(hub_offer.facts(answer))))


def import_with_progress(source: str, revision: str) -> Checkpoint | None:
    """Import an encoder and draw the progress; None after an error, which is drawn."""
    with show_errors(), st.spinner("Importing …"):
        from ftcore.exchange.huggingface import import_encoder  # imports the Hub's client

        return run_task(import_encoder(source, revision=revision))
    return None
