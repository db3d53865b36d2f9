"""What is known of a dataset of one's own: where from, what was changed, what was found in its texts."""

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from ftcore.data.findings.finding import number
from ftcore.data.store.card import PARTS, Card
from ftcore.formatting import count, few_names, listing
from pages.components.data.changes import action_button
from pages.components.text.escaping import escape_markdown
from pages.components.text.sentences import without_options

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

NAMES = {"train": "Training", "validation": "Validation", "test": "Test"}
COLUMNS = {
    "row": "Row",
    "part": "Part",
    "text": "Text",
    "like_row": "Like row",
    "like_part": "In part",
    "like_text": "Like text",
    "reason": "Why",
    "excerpt": "How it begins",
}


def figures(card: Card) -> None:
    """Draw the numbers of texts and classes; of texts without a label, if there are any."""
    with st.grid(columns=5 if card.waiting else 4, min_column_width=150, border=True):
        for part in PARTS:
            st.metric(NAMES[part], count(card.sizes[part]))
        if card.waiting:
            st.metric("Without a label", count(card.waiting))
        st.metric("Classes", count(len(card.labels)))


def origin(card: Card) -> None:
    """Draw where the data is from, which columns were read, and what was changed."""
    mapping = card.mapping
    columns = [f"text from {listing(mapping['text'])}"]
    label = "any number of labels a text" if card.multi_label else "label"
    names = {"label": label, "split": "split", "group": "group"}
    columns += [f"{name} from {mapping[each]}" for each, name in names.items() if mapping[each]]
    if indicators := mapping.get("indicators"):
        columns.append(f"{label} from {few_names(indicators)}")
    facts = f"{card.source} · {', '.join(columns)} · fingerprint {card.fingerprint}"
    if card.version:
        facts += f" · version {count(card.version)}"
    st.caption(escape_markdown(facts))
    for note in card.notes:
        st.markdown(f":material/check: {escape_markdown(without_options(note))}")


def findings(card: Card) -> None:
    """Draw each finding with what can be done about it, and the rows that were left out."""
    bad = card.left_out.get("unreadable row", 0)
    if not (card.findings or bad):
        st.markdown(":material/check: Nothing to mend was found.")
    else:
        progress = st.container()
        with st.container(border=True, gap="small"):
            for finding in card.findings:
                _finding(card, finding, progress)
            if bad:
                were = "was" if bad == 1 else "were"
                with _line(f"{number(bad, 'row')} could not be read and {were} kept aside."):
                    if st.button("Show", key="show_aside", type="tertiary"):
                        _show("Rows that could not be read", pd.read_parquet(card.aside), bad)
    others = {why: texts for why, texts in card.left_out.items() if why != "unreadable row"}
    if others:
        reasons = listing([f"{count(texts)} for {why}" for why, texts in others.items()])
        st.caption(f"Rows left out: {escape_markdown(reasons)}.")


def _finding(card: Card, finding: dict[str, Any], progress: "DeltaGenerator") -> None:
    kind = finding["kind"]
    with _line(finding["sentence"]):
        action_button(card, finding, progress)
        if finding["texts"] and st.button("Show", key=f"show_{kind}", type="tertiary"):
            _show("The texts", pd.DataFrame(finding["texts"]), finding["count"])


def _line(sentence: str) -> "DeltaGenerator":
    """A sentence, and the place for its buttons."""
    words, buttons = st.columns([4, 1], vertical_alignment="center")
    words.markdown(escape_markdown(sentence))
    return buttons.container(horizontal=True, horizontal_alignment="right", gap="small")


def _show(title: str, table: pd.DataFrame, texts: int) -> None:
    def draw() -> None:
        st.dataframe(table.rename(columns=COLUMNS), hide_index=True, alt=title)
        first = f"The first {count(len(table))} of {count(texts)}. " if texts > len(table) else ""
        st.caption(f"{first}Rows are counted from 0, as they stand in the file.")

    st.dialog(title, width="large")(draw)()
