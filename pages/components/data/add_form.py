"""The form that adds data of one's own: a file, how it is read, its columns, a name."""

import re
from pathlib import Path

import streamlit as st

from ftcore import validation
from ftcore.data import datasets, hub_datasets
from ftcore.data.store import collection
from ftcore.data.store.card import Card
from ftcore.data.store.request import Request
from ftcore.errors import UnfreezeError
from pages.components.data.mapping_input import mapping_input
from pages.components.forms import uploads
from pages.components.forms.format_input import first_rows, format_input, preview, version
from pages.components.forms.source_input import Source, source_input
from pages.components.forms.task_progress import run_task
from pages.components.text.sentences import show_errors

FILES = {"file": "File", "validation": "Validation texts", "test": "Test texts"}


def add_form() -> Card | None:
    """Draw the form; return the card of the data once it is added."""
    source = source_input("Where the texts are", "add_file")
    st.caption(
        "CSV, TSV, JSON, Parquet, XLSX, a folder or text file for each class, or a zip of them. "
        f"Uploads have up to {uploads.MAX_MB} MB. Of a larger file, of up to 2 GB, give the path, or add it "
        "with `python -m ftcore data add FILE --name NAME`."
    )
    if not source.path:
        st.info("Give a file. Its columns are shown here, and you choose what they mean.")
        return None
    path = None
    # In a container, since the form below closes what is open if it moves when the progress bar is gone.
    with st.container(), show_errors():
        path = _located(source)
    if path is None:
        return None
    key = f"add_{abs(hash((path, version(path))))}"
    st.subheader("How it is read", anchor=False)
    with st.container():
        form, said = format_input(path, key)
    with st.container():
        rows = first_rows(path, form) if form else None
    if form is None or rows is None:
        return None
    preview(form, rows, source.name)
    st.subheader("What the columns mean", anchor=False)
    columns, options = mapping_input(rows, form.from_names, key)
    others = {"validation": Source(), "test": Source()}
    with st.expander("More: files of validation and test texts"):
        for (part, _), column in zip(others.items(), st.columns(2), strict=True):
            with column:
                others[part] = source_input(FILES[part], f"add_{part}")
        keep_labels = st.toggle(
            "Keep labels apart that differ only by case or outer space", key=f"{key}_keep_labels"
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", _suggested(source.name), key=f"{key}_name", max_chars=60)
        added = st.button("Add", type="primary", icon=":material/add:")
    if not added:
        return None
    with show_errors():
        if not columns.text:
            raise UnfreezeError("Choose the column of the texts first.")
        card = run_task(
            datasets.add(
                Request(
                    name.strip(),
                    source.path,
                    columns,
                    validation=others["validation"].path,
                    test=others["test"].path,
                    keep_labels=keep_labels,
                    shown_as=source.shown_as
                    | others["validation"].shown_as
                    | others["test"].shown_as,
                    **said,
                    **options,
                )
            )
        )
        for part in FILES:
            uploads.of_session().remove(f"add_{part}")
        return card
    return None


def _located(source: Source) -> Path:
    """The path of a source; a dataset of the Hub is downloaded, once for a visitor."""
    if not hub_datasets.is_name(source.path):
        return validation.existing_path(source.path)
    if st.session_state.get("data_hub_name") != source.path:
        st.session_state.data_hub_path = run_task(collection.located(source.path))
        st.session_state.data_hub_name = source.path
    path: Path = st.session_state.data_hub_path
    return path


def _suggested(file: str) -> str:
    """A free name like that of a file, without its endings."""
    stem = file.rstrip("/").rpartition("/")[2].partition(".")[0]
    name = re.sub(r"[^\w .-]+", " ", stem).strip(" .-_")[:50] or "my texts"
    taken = {each.lower() for each in datasets.names()}
    number = 2
    free = name
    while free.lower() in taken:
        free, number = f"{name} {number}", number + 1
    return free
