"""One text after the other, with a button and a key for each class."""

from functools import partial

import streamlit as st

from ftcore.active_learning.proposer import Proposal
from ftcore.data.store import versions
from ftcore.data.store.card import Card
from ftcore.formatting import count
from pages.components.label.progress_view import class_counts
from pages.components.label.session import LabelSession
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_html, escape_markdown

KEYS = 9  # classes with a key of their own
ARMS = {
    "start": "Drawn at random, to begin with.",
    "chosen": "The model is least sure of this one.",
    "random": "Drawn at random, to compare with.",
    "held-out": "Drawn at random from the {part} texts, on which models are measured.",
}


@st.fragment
def text_view(session: LabelSession) -> None:
    """Draw the text that comes next, its buttons, and how far the classes are."""
    with show_errors():
        _draw(session)


def _draw(session: LabelSession) -> None:
    card, proposal = versions.at(session.proposer.card), session.next()
    words, progress = st.columns([5, 2], gap="large")
    with words:
        if session.error:
            st.error(escape_markdown(session.error))
        if proposal is None:
            st.success("Every text has a label, or was skipped.")
        else:
            _text(proposal)
            _classes(session, proposal, card)
        _buttons(session, proposal)
    with progress:
        class_counts(card)


def _text(proposal: Proposal) -> None:
    st.caption(ARMS[proposal.arm].format(part=proposal.part))
    with st.container(border=True, height=260, key="text_to_label"):
        style = "white-space:pre-wrap;overflow-wrap:anywhere;font-size:1.1rem;line-height:1.5"
        st.html(f'<div style="{style}">{escape_html(proposal.words)}</div>')


def _classes(session: LabelSession, proposal: Proposal, card: Card) -> None:
    """Draw what labels a text. Keys of widgets have its position: a second click labels no other text."""
    if card.multi_label:
        key = f"labels_{proposal.text}"
        chosen = st.pills("Labels", card.labels, selection_mode="multi", key=key, wrap=True)
        options = {"on_click": partial(session.give, proposal, tuple(chosen)), "type": "primary"}
        st.button("Save", key=f"save_{proposal.text}", shortcut="Enter", **options)
        return
    with st.container(horizontal=True, gap="small"):
        for number, name in enumerate(card.labels[:KEYS], start=1):
            options = {"key": f"label_{number}_{proposal.text}", "shortcut": f"{number}"}
            options |= {"on_click": partial(session.give, proposal, (name,))}
            st.button(escape_markdown(name), **options)
    if len(card.labels) > KEYS:
        key = f"class_{proposal.text}"

        def give() -> None:
            session.give(proposal, (st.session_state[key],))

        placeholder = f"Type to search {count(len(card.labels))} classes"
        options = {"index": None, "placeholder": placeholder, "on_change": give}
        st.selectbox("Another class", card.labels, key=key, **options)


def _buttons(session: LabelSession, proposal: Proposal | None) -> None:
    """Draw Undo, Skip and Drop."""
    with st.container(horizontal=True, gap="small"):
        number = session.given[-1][0] if session.given else 0
        options = {"disabled": not number, "on_click": partial(session.undo, number)}
        options |= {"key": f"undo_{number}", "shortcut": "U", "type": "tertiary"}
        st.button("Undo", icon=":material/undo:", **options)
        if proposal is None:
            return
        options = {"on_click": partial(session.skip, proposal), "shortcut": "S"}
        options |= {"key": f"skip_{proposal.text}", "type": "tertiary"}
        st.button("Skip", icon=":material/skip_next:", **options)
        options = {"on_click": partial(session.give, proposal, None), "shortcut": "X"}
        options |= {"key": f"drop_{proposal.text}", "type": "tertiary"}
        help = (
            "The text belongs to no class, or is none: it leaves the data, and Undo brings it back."
        )
        st.button("Drop", icon=":material/delete:", help=help, **options)
