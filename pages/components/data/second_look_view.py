"""Labels worth a second look: what a model that has not seen them doubts, corrected with a click."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ftcore import answers
from ftcore.colours import class_colours
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.data.store import correcting, labelling, versions
from ftcore.data.store.card import PARTS, Card
from ftcore.data.store.journal import State
from ftcore.data.text_dataset import DatasetSpec
from ftcore.formatting import count
from pages.components.data.corrections_form import corrections_form
from pages.components.data.person import person
from pages.components.forms.checkpoint_picker import checkpoint_choices
from pages.components.forms.settings_form import DATA_PATH
from pages.components.forms.task_progress import run_task
from pages.components.text.escaping import escape_markdown
from pages.components.text.html_fragments import example_text
from pages.components.text.sentences import show_errors

if TYPE_CHECKING:
    from ftcore.labelling.second_look import Doubt, SecondLook

MAX_LOOKS = 4  # in memory
PAGE_SIZE = 8  # texts
MOST_CHARACTERS = 60  # of labels on a button
EXCERPT = 500  # characters of a text before it unfolds
MOST_BUTTONS = 2  # classes of a task whose other class needs no menu
GREY = "#64748B"
TITLES = {"all": "All", "train": "Training", "validation": "Validation", "test": "Test"}


@st.cache_resource
def looks() -> "dict[tuple[str, ...], SecondLook]":
    """What was found, shared by all sessions, the newest last."""
    return {}


def second_look_view(spec: DatasetSpec, card: Card | None) -> None:
    """Draw the choice of a checkpoint, and what its vectors say of the labels."""
    st.markdown(
        "A model judges each label without having seen it: a last layer on a frozen body, fitted on four "
        "fifths of the texts, answers the rest. What it doubts most comes first."
    )
    choices = checkpoint_choices()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        options = {"format_func": lambda ref: choices[ref].title, "width": 340}
        help = (
            "Its body reads the texts. One that was trained on these labels is replaced by what it "
        )
        help += "started from."
        refs = list(choices)
        start = refs.index("starter") if "starter" in refs else 0
        checkpoint = st.selectbox(
            "Checkpoint", refs, start, key="look_checkpoint", help=help, **options
        )
        source = ""
        if spec.takes_source:
            source = st.text_input(
                "Where it is", key=f"look_source_{spec.name}", **DATA_PATH
            ).strip()
        clicked = st.button("Look", type="primary", icon=":material/fact_check:")
    texts = card.texts_fingerprint if card else datasets.version(spec.name, source)
    key = (spec.name, texts, checkpoint, source)
    if clicked:
        from ftcore.labelling import second_look  # imports torch

        with show_errors():
            config = FineTuneConfig(checkpoint, spec.name, source, "linear-probe")
            looks()[key] = run_task(second_look.look(config))
            while len(looks()) > MAX_LOOKS:
                looks().pop(next(iter(looks())), None)
    if found := looks().get(key):
        _doubts(found, spec.name if card else "")
    elif not clicked:
        st.info(
            "Vectors that a run has computed are used again; the others take as long as a prediction."
        )


@st.fragment
def _doubts(found: "SecondLook", name: str) -> None:
    """Draw the doubtful labels; those of data of one's own, `name`, can be corrected."""
    card = versions.get(name) if name else None
    states = versions.states(card) if card else {}
    changed = sum(doubt.address.text in states for doubt in found.doubts)
    with st.grid(columns=4, min_column_width=150, border=True):
        st.metric("Labels", count(found.judged))
        st.metric("Doubted", count(len(found.doubts)), help="Another answer is likelier.")
        about = "Counted as wrong by confident learning (Northcutt et al. 2021): the text is at least as "
        about += "likely of another class as texts of that class are on average."
        st.metric("Likely wrong", count(found.confident), help=about)
        st.metric("Changed since", count(changed))
    if not found.doubts:
        st.info("No label is less likely than another: there is nothing to look at.")
        return
    if card is None:
        st.caption("This data is built in. Add it as your own to correct labels.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        parts = [
            "all",
            *(part for part in PARTS if any(d.address.part == part for d in found.doubts)),
        ]
        options = {"format_func": TITLES.get, "default": "all", "required": True}
        part = st.segmented_control("Part", parts, key="look_part", **options)
        by = person() if card else ""
    listed = [doubt for doubt in found.doubts if part in ("all", doubt.address.part)]
    if part in ("all", "test") and card:
        st.caption(
            "Labels of test texts decide what is measured: what their corrections change is reported apart."
        )
    slots = st.container()
    page = st.pagination(-(-len(listed) // PAGE_SIZE), key=f"look_page_{part}")
    colours = class_colours(found.labels)
    with slots:
        for doubt in listed[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            label = found.names(doubt.label)
            colour = colours[label[0]] if label else GREY
            where = f"{TITLES[doubt.address.part]} · row {count(doubt.address.row)}"
            heading = f"{_named(label)} · {where}"
            st.html(example_text(doubt.text, heading, colour, "", EXCERPT))
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                if card:
                    _buttons(found, doubt, card, states.get(doubt.address.text), by)
                else:
                    st.caption(_answer(found, doubt))
    if card and card.version:
        corrections_form(card, found.checkpoint)


def _answer(found: "SecondLook", doubt: "Doubt") -> str:
    return f"The model says {_shown(found.names(doubt.suggested))}, {doubt.score:.2f} likelier."


def _buttons(found: "SecondLook", doubt: "Doubt", card: Card, state: State | None, by: str) -> None:
    """Draw what can be done about a label, or how it is undone."""
    text = doubt.address.text
    if state is not None:
        said = "Dropped" if state.label is None else f"Now {_shown(state.label)}"
        st.badge(said, color="green", icon=":material/check:")
        if st.button("Undo", key=f"undo_{text}", icon=":material/undo:", type="tertiary"):
            _apply(lambda: correcting.take_back(card, doubt.address, by))
        return
    suggested = found.names(doubt.suggested)
    if st.button(_shown(suggested), key=f"accept_{text}", icon=":material/check:"):
        _apply(lambda: correcting.correct(card, doubt.address, suggested, by))
    if len(found.labels) > MOST_BUTTONS or found.multi_label:
        with st.popover("Other", type="tertiary"):
            before = labelling.originals(card).state(text).label or ()
            label: Sequence[str] = (
                st.multiselect("Labels", found.labels, before, key=f"label_{text}")
                if found.multi_label
                else [st.selectbox("Label", found.labels, key=f"label_{text}")]
            )
            if st.button("Save", key=f"save_{text}", type="primary"):
                _apply(lambda: correcting.correct(card, doubt.address, label, by))
    if st.button("Drop", key=f"drop_{text}", icon=":material/block:", type="tertiary"):
        _apply(lambda: correcting.correct(card, doubt.address, None, by))
    st.caption(f"{doubt.score:.2f} likelier")


def _apply(change: Callable[[], int]) -> None:
    """Record a change, and draw the list again."""
    with show_errors():
        change()
        st.rerun()


def _named(label: Sequence[str]) -> str:
    return ", ".join(label) or answers.NO_LABEL


def _shown(label: Sequence[str]) -> str:
    """Labels as Markdown, cut if they are long."""
    named = _named(label)
    return escape_markdown(
        named if len(named) <= MOST_CHARACTERS else f"{named[:MOST_CHARACTERS]}…"
    )
