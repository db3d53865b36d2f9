"""What can be done with a dataset of one's own: train on it, rename, download or delete it."""

import shutil
from pathlib import Path

import streamlit as st

from ftcore.data.store.card import Card
from ftcore.storage import scratch
from pages.components.data.changes import edit_classes
from pages.components.forms import settings_form
from pages.components.forms.delete_buttons import delete_buttons
from pages.components.forms.task_progress import run_task
from pages.components.text.escaping import escape_markdown
from pages.components.text.sentences import show_errors

MAX_DOWNLOAD = 200_000_000  # bytes of stored texts; the browser gets them from memory


def train_button(name: str, source: str = "") -> None:
    """Draw the button that leads to Train with this dataset chosen."""
    if st.button("Train on it", type="primary", icon=":material/play_circle:"):
        settings_form.initialize()
        settings_form.fill({"dataset": name, "source": source})
        st.switch_page("train.py")


def second_look_button() -> None:
    """Draw the button that leads to the labels worth a second look."""
    if st.button("Second look at labels", icon=":material/fact_check:", type="tertiary"):
        st.query_params["view"] = "labels"
        st.rerun()


def card_buttons(card: Card) -> None:
    """Draw the buttons for a stored dataset."""
    if st.button("Label", icon=":material/label:", type="tertiary"):
        st.switch_page("label.py", query_params={"dataset": card.name})
    if st.button("Classes", icon=":material/category:", type="tertiary"):
        edit_classes(card)
    with st.popover("Rename", icon=":material/edit:", type="tertiary"):
        _rename(card)
    with st.popover("Download", icon=":material/download:", type="tertiary"):
        _download(card)
    delete_button(card.name)


def delete_button(name: str) -> None:
    """Draw the button that deletes a stored dataset, which may be damaged."""
    if st.button("Delete", icon=":material/delete:", type="tertiary"):
        _delete(name)


def _rename(card: Card) -> None:
    name = st.text_input("Name", card.name, max_chars=60, key=f"rename_{card.name}").strip()
    if st.button("Rename", type="primary", key="rename_dataset") and name != card.name:
        with show_errors(), st.spinner("Renaming …"):
            from ftcore import tracking  # imports MLflow

            tracking.rename_dataset(card.name, name)
            st.query_params["dataset"] = name
            st.rerun()


@st.dialog("Delete for good?")
def _delete(name: str) -> None:
    from ftcore import tracking
    from ftcore.runs.scheduler import scheduler

    st.markdown(f"**{escape_markdown(name)}**")
    st.caption(
        "The file that it was added from stays, and so do runs, with all curves and figures."
    )
    delete_buttons(
        lambda: tracking.dataset_dependents(name), lambda: scheduler.delete_dataset(name)
    )


def _download(card: Card) -> None:
    if card.texts.stat().st_size > MAX_DOWNLOAD:
        st.info(
            "It is too large for a browser. This command writes it to a folder: "
            f"`python -m ftcore data export {card.name!r} FOLDER`"
        )
        return
    forms = {"csv": "CSV", "parquet": "Parquet"}
    form = st.segmented_control(
        "Form", forms, format_func=forms.get, default="csv", required=True, key="download_form"
    )
    st.caption(
        "The texts as they were cleaned: a zip with a file for each part, of text, label and row of "
        "your file."
    )
    if st.button("Prepare", icon=":material/folder_zip:"):
        from ftcore.data.store import exporting

        with show_errors(), scratch.temporary() as folder:
            run_task(exporting.export(card, folder / card.name, form))
            with st.spinner("Packing …"):
                archive = shutil.make_archive(f"{folder}/archive", "zip", folder, card.name)
            options = {"mime": "application/zip", "on_click": "ignore", "type": "primary"}
            content, file_name = Path(archive).read_bytes(), f"{card.name}.zip"
            st.download_button(f"Download {file_name}", content, file_name, **options)
