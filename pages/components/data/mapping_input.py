"""Which columns hold texts, labels, split and groups: guessed, and chosen by the visitor."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import streamlit as st

from ftcore.data.store import mapping
from ftcore.data.store.labels import is_missing, merged
from ftcore.data.store.mapping import Columns, Values
from ftcore.errors import UnfreezeError
from ftcore.formatting import count
from pages.components.text.escaping import escape_markdown

SEPARATORS = {" ": "a space", "\n": "a line break", ". ": "a full stop", " | ": "a bar |"}
_SHOWN = 12  # labels


def mapping_input(
    rows: dict[str, Values], from_names: Sequence[str], key: str
) -> tuple[Columns, str]:
    """Draw the choice of columns; return it, and what joins the texts of several.

    from_names: columns that names of files say.
    """
    guess = Columns()
    with suppress(UnfreezeError):  # nothing is guessed then
        guess = mapping.complete(Columns(), rows, from_names)
    names = list(rows)
    with st.grid(2, min_column_width=260, gap="medium") as grid:
        with grid.cell():
            text = st.multiselect(
                "Text",
                names,
                list(guess.text),
                key=f"{key}_text",
                placeholder="Choose the column of the texts",
                help="Several columns are joined, in this order.",
                select_all=False,
            )
            separator = " "
            if len(text) > 1:
                separator = st.selectbox(
                    "Joined by",
                    SEPARATORS,
                    key=f"{key}_separator",
                    format_func=lambda mark: SEPARATORS.get(mark, mark),
                    accept_new_options=True,
                )
        with grid.cell():
            label = st.selectbox(
                "Label",
                ["", *names],
                1 + names.index(guess.label) if guess.label else 0,
                key=f"{key}_label",
                format_func=lambda name: name or "None: labels are given here",
            )
            if label:
                st.caption(labels_in_words(rows[label]))
        with grid.cell():
            split = st.selectbox(
                "Split",
                ["", *names],
                1 + names.index(guess.split) if guess.split else 0,
                key=f"{key}_split",
                format_func=lambda name: name or "None: a tenth is drawn for each part",
                help="The column that says train, validation or test.",
            )
        with grid.cell():
            group = st.selectbox(
                "Group",
                ["", *names],
                key=f"{key}_group",
                format_func=lambda name: name or "None",
                help="Texts with the same value in it, such as those of one author, stay in one part.",
            )
    return Columns(tuple(text), label or None, split or None, group), separator


def labels_in_words(values: Values) -> str:
    """The commonest labels among some rows, as Markdown; spellings of a label count as one."""
    found = Counter[str]()
    for value in values:
        found.update(value if isinstance(value, list) else [value] if value is not None else [])
    present = {label: number for label, number in found.items() if not is_missing(label)}
    labels = Counter[str]()
    for spelling, label in merged(present).items():
        labels[label] += present[spelling]
    shown = [
        f"{escape_markdown(label[:40])} ({count(number)})"
        for label, number in labels.most_common(_SHOWN)
    ]
    if len(labels) > _SHOWN:
        shown.append(f"and {count(len(labels) - _SHOWN)} more")
    spelled = f", in {count(len(present))} spellings" if len(present) > len(labels) else ""
    where = f"In {count(len(values))} rows{spelled}"
    return f"{where}: {', '.join(shown) or 'no label'}."
