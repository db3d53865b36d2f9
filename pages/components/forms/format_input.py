"""How a file was recognized, with inputs to correct it, and its first rows."""

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from ftcore.data.store import collection
from ftcore.data.store.mapping import Values
from ftcore.data.tables import recognition
from ftcore.data.tables.table_format import TableFormat
from pages.components.forms.task_progress import run_task
from pages.components.text.escaping import escape_markdown
from pages.components.text.sentences import show_errors

KINDS = {
    "csv": "CSV",
    "json": "JSON",
    "jsonl": "JSON lines",
    "parquet": "Parquet",
    "xlsx": "a spreadsheet",
    "folder": "a folder, one text a file",
    "text": "text files, one text a line",
    "parallel": "text files, one text a line, and files of their labels",
}
ENCODINGS = ("utf-8", "cp1252", "iso8859-1", "utf-16", "shift_jis", "gb18030")
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar |"}
HEADER: dict[Any, str] = {True: "names the columns", False: "is a text"}
PREVIEW_ROWS, PREVIEW_LENGTH = 6, 300


@st.cache_data(max_entries=50, show_spinner="Reading …")
def _recognized(path: Path, version: str, **said: Any) -> TableFormat:
    return recognition.recognize(path, **said)


def version(path: Path) -> str:
    """What changes when a file does."""
    state = path.stat()
    return f"{state.st_ino} {state.st_size} {state.st_mtime_ns}"


def format_input(path: Path, key: str) -> tuple[TableFormat | None, dict[str, Any]]:
    """Draw how a file is read, and return it with what the visitor corrects; None after an error."""
    form = None
    with show_errors():
        form = _recognized(path, version(path))
    said: dict[str, Any] = {}
    if form is None or form.encoding or form.kind == "xlsx":
        with st.container(horizontal=True, vertical_alignment="bottom"):
            said = _corrections(form, key)
    said = {option: value for option, value in said.items() if value != ""}
    if said:
        form = None
        with show_errors():
            form = _recognized(path, version(path), **said)
    return form, said


def _corrections(form: TableFormat | None, key: str) -> dict[str, Any]:
    """Draw inputs for what was recognized and may be wrong; "" stands for what was recognized."""
    said: dict[str, Any] = {}
    kind = form.kind if form else "csv"
    options = {"accept_new_options": True, "width": 210}
    if kind != "xlsx":
        said["encoding"] = st.selectbox(
            "Encoding",
            ["", *ENCODINGS],
            key=f"{key}_encoding",
            format_func=lambda name: name or _recognized_as(form and form.encoding),
            **options,
        )
    if kind == "csv":
        said["delimiter"] = st.selectbox(
            "Columns are separated by",
            ["", *DELIMITERS],
            key=f"{key}_delimiter",
            format_func=lambda mark: (
                _delimiter(mark) or _recognized_as(form and _delimiter(form.delimiter))
            ),
            **options,
        )
    if kind == "xlsx" and form:
        said["sheet"] = st.text_input(
            "Sheet", key=f"{key}_sheet", placeholder=form.sheet, width=210
        )
    if kind in ("csv", "xlsx"):
        said["header"] = st.selectbox(
            "The first row",
            ["", *HEADER],
            key=f"{key}_header",
            format_func=lambda header: (
                HEADER.get(header) or _recognized_as(form and HEADER[form.header])
            ),
            width=260,
        )
    return said


def _delimiter(mark: str) -> str:
    return DELIMITERS.get(mark, mark)


def _recognized_as(what: str | None) -> str:
    return f"{what} (recognized)" if what else "not recognized"


def first_rows(path: Path, form: TableFormat) -> dict[str, Values] | None:
    """Return the first rows of each column, read once for a visitor; None after an error."""
    key = (path, version(path), form)
    if st.session_state.get("data_first_key") != key:
        rows = None
        with show_errors():
            rows = run_task(collection.sample(path, form))
        st.session_state.data_first_key, st.session_state.data_first_rows = key, rows
        if rows is None:
            del st.session_state["data_first_key"]
    return st.session_state.data_first_rows


def preview(form: TableFormat, rows: dict[str, Values], shown: str) -> None:
    """Draw how the file is read, and the table of its first rows."""
    number = len(next(iter(rows.values())))
    form_in_words = [KINDS[form.kind], form.compression, form.sheet and f"sheet {form.sheet}"]
    about = ", ".join(escape_markdown(each) for each in form_in_words if each)
    st.markdown(f"**{escape_markdown(Path(shown).name)}** is read as {about}. Its first rows:")
    for note in form.notes:
        st.caption(escape_markdown(note))
    table = pd.DataFrame({name: values[:PREVIEW_ROWS] for name, values in rows.items()})
    table = table.map(_excerpt)
    height = 36 * (1 + min(number, PREVIEW_ROWS))
    st.dataframe(table, hide_index=True, height=height, alt="The first rows of the file")


def _excerpt(value: object) -> object:
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return value[:PREVIEW_LENGTH] if isinstance(value, str) else value
