"""The encoder to begin with, offered where there is none yet and the Hub can be reached."""

import time
from collections.abc import Iterable

import streamlit as st

from ftcore import formatting
from ftcore.models import hub_offer
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.suggestions import SUGGESTIONS
from pages.components.forms import settings_form as form
from pages.components.forms.encoder_form import import_with_progress
from pages.components.shell import warm_imports
from pages.components.text.escaping import escape_markdown

PATIENCE = 3.0  # seconds that the end of a page waits for the Hub


def encoder_offer(checkpoints: Iterable[Checkpoint]) -> bool:
    """Draw the offer above the choice of checkpoints, if there is one, and return whether there is.

    Its button imports the encoder and chooses it.
    """
    if not warm_imports.preload().done():  # the Hub's client is imported after them
        return False
    if not (model := hub_offer.first_suggestion(checkpoints)):
        return False
    with st.container(border=True):
        title = escape_markdown(model.name.rpartition("/")[2])
        size = formatting.size(model.download) if model.download else "on this machine"
        license = escape_markdown(model.license or SUGGESTIONS[0].license)
        st.markdown(f"**{title}** · {size} · {license}")
        st.caption(
            "An encoder that was pretrained on a billion pairs of sentences, so fine-tuning has much to "
            "start from. The checkpoints below learned from news alone."
        )
        label = "Download and use" if model.download else "Use"
        if st.button(label, key="take_offer", icon=":material/download:"):
            checkpoint = import_with_progress(model.name, model.revision)
            if checkpoint:
                form.choose_checkpoint(checkpoint.ref)
                st.rerun()
    return True


def wait_for_offer(checkpoints: Iterable[Checkpoint]) -> None:
    """At the end of a page that drew no offer: wait for the Hub, and draw the page again with it."""
    slot, end = st.empty(), time.monotonic() + PATIENCE
    offer = hub_offer.first_suggestion(checkpoints)
    while not offer and hub_offer.is_awaited() and time.monotonic() < end:
        slot.empty()  # lets Streamlit interrupt the page for user input
        time.sleep(0.1)
        offer = hub_offer.first_suggestion(checkpoints)
    if offer:
        st.rerun()
