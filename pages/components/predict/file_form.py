"""The form that has a model answer every row of a file."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import streamlit as st

from ftcore import validation
from ftcore.data.store import mapping
from ftcore.data.store.mapping import Columns, Values
from ftcore.errors import UnfreezeError
from ftcore.inference import answered_files, answering
from pages.components.forms import uploads
from pages.components.forms.checkpoint_picker import CheckpointChoice
from pages.components.forms.format_input import first_rows, format_input, preview, version
from pages.components.forms.source_input import Source, source_input
from pages.components.predict.answers import are_raw
from pages.components.text.sentences import show_errors


def file_form(refs: Sequence[str], choices: Mapping[str, CheckpointChoice]) -> None:
    """Draw the form; its button begins, and the list of answered files shows how it goes on."""
    source = source_input("Where the texts are", "answer_file", hub=False)
    st.caption(
        "CSV, TSV, JSON, Parquet, XLSX, a text file or a zip. Uploads have up to "
        f"{uploads.MAX_MB} MB: give the path of a larger file. Answers come in the background, and "
        "stay here until they are deleted."
    )
    if not source.path:
        return
    path = None
    with st.container(), show_errors():
        path = validation.existing_path(source.path)
    if path is None:
        return
    key = f"answer_{abs(hash((path, version(path))))}"
    with st.container():
        form, how = format_input(path, key)
    with st.container():
        rows = first_rows(path, form) if form else None
    if form is None or rows is None:
        return
    preview(form, rows, source.name)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        column = _column_input([name for name in rows if name not in form.lists], rows, key)
        ref = st.selectbox(
            "Model",
            choices,
            list(choices).index(refs[0]) if refs else 0,
            key=f"{key}_model",
            format_func=lambda ref: choices[ref].title,
            width=300,
        )
        asked = st.button("Answer all rows", type="primary", icon=":material/play_arrow:")
    if asked and column and ref:
        with show_errors():
            _begin(path, source, choices[ref], column, how)
            st.rerun()


def _column_input(names: list[str], rows: dict[str, Values], key: str) -> str | None:
    """Draw the choice of the column of texts, guessed as the page Data does."""
    guess = Columns()
    with suppress(UnfreezeError):  # nothing is guessed then
        guess = mapping.complete(Columns(split=None), {name: rows[name] for name in names})
    guessed = names.index(guess.text[0]) if guess.text else None
    hint = "Choose the column of the texts"
    options = {"key": f"{key}_column", "placeholder": hint, "width": 300}
    column: str | None = st.selectbox("Column of the texts", names, guessed, **options)
    return column


def _begin(
    path: Path, source: Source, choice: CheckpointChoice, column: str, how: dict[str, Any]
) -> None:
    file = answered_files.create(
        path,
        Path(source.name).name,
        choice.checkpoint,
        choice.title,
        column,
        how | {"raw": are_raw()},
        copied=bool(source.shown_as),
    )
    if not file.finished:
        answering.start(file)
