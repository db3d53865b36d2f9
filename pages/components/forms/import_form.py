"""The form that imports a model file of the lesson as a checkpoint."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from ftcore import formatting, validation
from ftcore.errors import UnfreezeError
from ftcore.models.checkpoints import Checkpoint
from ftcore.storage import scratch
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_markdown

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    Source = tuple[str, UploadedFile | None]  # a path on this machine, and an upload instead of it

AG_NEWS_FOLDER = {
    "persist_state": "session",
    "placeholder": "Folder with train.csv and test.csv; empty downloads it",
}


def import_form() -> None:
    """Draw the form; import when it is submitted."""
    st.markdown(
        "The file that the lesson saves (`model_AG News small1.pth`). It holds neither the words nor "
        "the number of heads, so the form asks for its GloVe file and that number. The accuracy is "
        "measured again."
    )
    with st.form("import"):
        left, right = st.columns(2)
        with left:
            model = file_input("Model file", "Path of the .pth", ["pth", "pt"], "import")
            name = st.text_input("Name", "lesson", key="import_name", max_chars=60)
        with right:
            glove = file_input(
                "GloVe file",
                "Path of glove.6B.100d.txt",
                ["txt", "vec", "zip", "gz", "bz2", "xz"],
                "import_glove",
            )
            uses = "The lesson uses 2."
            heads = st.number_input("Attention heads", 1, 64, 2, help=uses, key="import_heads")
        ag_news = st.text_input("AG News, to measure it", key="import_ag_news", **AG_NEWS_FOLDER)
        if st.form_submit_button("Import", type="primary", icon=":material/upload:"):
            options = {"heads": heads, "name": name.strip(), "ag_news_source": ag_news.strip()}
            with show_errors():
                st.success(_summary(_import(model, glove, options)))


def file_input(label: str, placeholder: str, types: list[str], key: str) -> "Source":
    """Draw the inputs of a file: its path on this machine, or an upload."""
    path = st.text_input(label, key=f"{key}_path", placeholder=placeholder, persist_state="session")
    return path, st.file_uploader("or upload it", types, key=f"{key}_file")


def _import(model: "Source", glove: "Source", options: dict[str, Any]) -> Checkpoint:
    with scratch.temporary() as folder, st.spinner("Importing …"):
        files = [local_file(source, folder) for source in (model, glove)]
        from ftcore.exchange.lesson_import import import_lesson  # imports torch

        return run_task(import_lesson(*files, **options))


def local_file(source: "Source", folder: Path) -> Path:
    """The path of the file; an upload is first written below `folder`. Raises UnfreezeError."""
    path, upload = source
    if upload is not None and path.strip():
        raise UnfreezeError(
            f"Both a path and an upload are given, {validation.printable(path)} and "
            f"{validation.printable(upload.name)}: remove one of them."
        )
    if upload is not None:
        file = Path(tempfile.mkdtemp(dir=folder), Path(upload.name).name[-60:])
        file.write_bytes(upload.getbuffer())
        return file
    if path.strip():
        return validation.expand_home(path.strip())
    raise UnfreezeError("A file is missing: give its path, or upload it.")


def _summary(checkpoint: Checkpoint) -> str:
    accuracy = formatting.percent(checkpoint.metrics.get("test_accuracy"))
    measured = f" Measured on the AG News test set: {accuracy} correct."
    text = f"Imported as {escape_markdown(checkpoint.ref)}."
    return text + measured if "test_accuracy" in checkpoint.metrics else text
