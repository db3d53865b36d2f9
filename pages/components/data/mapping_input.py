"""Which columns hold texts, labels, split and groups: guessed, and chosen by the visitor."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from ftcore.data.store import indicators, mapping
from ftcore.data.store.labels import is_missing, merged
from ftcore.data.store.mapping import Columns, Values
from ftcore.errors import UnfreezeError
from ftcore.formatting import count
from pages.components.text.escaping import escape_markdown

SEPARATORS = {" ": "a space", "\n": "a line break", ". ": "a full stop", " | ": "a bar |"}
_SHOWN = 12  # labels
_SEVERAL = "\0several"  # the choice of several columns of labels, which no column is called


def mapping_input(
    rows: dict[str, Values], from_names: Sequence[str], key: str
) -> tuple[Columns, dict[str, Any]]:
    """Draw the choice of columns; return it, and how they are read, as `Request` has it.

    from_names: columns that names of files say.
    """
    guess = Columns()
    with suppress(UnfreezeError):  # nothing is guessed then
        guess = mapping.complete(Columns(), rows, from_names)
    names = list(rows)
    options: dict[str, Any] = {}
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
            if len(text) > 1:
                options["separator"] = st.selectbox(
                    "Joined by",
                    SEPARATORS,
                    key=f"{key}_separator",
                    format_func=lambda mark: SEPARATORS.get(mark, mark),
                    accept_new_options=True,
                )
        with grid.cell():
            label, several = _label_input(rows, guess, key)
            if label:
                options |= _several_labels(rows[label], key)
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
    return Columns(tuple(text), label or None, split or None, group, several), options


def _label_input(rows: dict[str, Values], guess: Columns, key: str) -> tuple[str, tuple[str, ...]]:
    """Draw the choice of the column of labels, or of several that hold 1 or 0 each; return both."""
    choices = ["", _SEVERAL, *rows]
    titles = {"": "None: labels are given here", _SEVERAL: "Several columns of 1 and 0"}
    label = st.selectbox(
        "Label",
        choices,
        choices.index(_SEVERAL if guess.indicators else guess.label or ""),
        key=f"{key}_label",
        format_func=lambda name: titles.get(name, name),
    )
    if label != _SEVERAL:
        return label, ()
    several = st.multiselect(
        "Columns of labels",
        list(rows),
        list(guess.indicators or indicators.find(rows)),
        key=f"{key}_indicators",
        placeholder="Choose columns that hold 1 or 0",
        select_all=False,
    )
    st.caption(labels_in_words(indicators.labels_of_rows(rows, several)))
    return "", tuple(several)


def _several_labels(values: Values, key: str) -> dict[str, Any]:
    """Draw the labels of some rows, and what separates several in one value; return it."""
    if any(isinstance(value, list) for value in values):
        st.caption(labels_in_words(values))
        return {}
    words = st.empty()
    likely = mapping.joined_by(values)
    mark = st.text_input(
        "Several labels of a text are separated by",
        key=f"{key}_label_separator",
        placeholder=f"Perhaps {likely}" if likely else "Nothing: a value is one label",
    ).strip()
    words.caption(labels_in_words(values, mark))
    if not mark:
        return {}
    empty = st.toggle("An empty value means: none of the labels", key=f"{key}_empty_is_none")
    return {"label_separator": mark, "empty_is_none": empty}


def labels_in_words(values: Values, separator: str = "") -> str:
    """The commonest labels among some rows, as Markdown; spellings of a label count as one."""
    found = Counter[str]()
    for value in values:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(separator)] if separator else [value]
        found.update(value or [])
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
