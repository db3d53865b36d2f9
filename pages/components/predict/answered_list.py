"""The files that models answered, or are answering: progress, what came out, downloads."""

import functools
from pathlib import Path

import pandas as pd
import streamlit as st

from ftcore import answers, formatting
from ftcore.errors import UnfreezeError
from ftcore.formatting import count, percent
from ftcore.inference import answer_summary, answered_files, answering
from ftcore.inference.answer_summary import CLOSE, PROBABILITY, Summary
from ftcore.inference.answered_files import AnsweredFile
from ftcore.inference.answering import Answering
from pages.components.forms.action_button import action_button
from pages.components.forms.task_progress import progress_text
from pages.components.text.errors import show_error
from pages.components.text.escaping import escape_markdown
from pages.components.text.sentences import without_options

REDRAW_SECONDS = 1.0
MOST_FILES = 20  # shown
MOST_CLASSES = 30  # in the table of counts
MAX_DOWNLOAD = 200e6  # bytes, as a download passes through memory


def answered_list() -> None:
    """Draw all files, the newest first."""
    files = answered_files.listed()
    running = [file.id for file in files if (call := answering.find(file)) and call.running]
    every = REDRAW_SECONDS if running else None
    st.fragment(_draw, run_every=every)(running)


def _draw(running: list[str]) -> None:
    """Draw the files; the whole page is drawn anew once one of those that were `running` has ended."""
    files = answered_files.listed()
    now = [file.id for file in files if (call := answering.find(file)) and call.running]
    if now != running:
        st.rerun()
    for file in files[:MOST_FILES]:
        with st.container(border=True):
            _draw_file(file)
    if len(files) > MOST_FILES:
        st.caption(f"and {len(files) - MOST_FILES} older ones")


def _draw_file(file: AnsweredFile) -> None:
    call = answering.find(file)
    title = f"**{escape_markdown(file.name)}** · {escape_markdown(file.model)}"
    st.markdown(f"{title} · column {escape_markdown(file.column)}")
    if call and call.running:
        _progress(call)
        return
    for note in call.notes if call else ():
        st.caption(escape_markdown(without_options(note)))
    if call and call.error:
        show_error(UnfreezeError(without_options(call.error)))
    if file.finished:
        _finished(file)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Not complete. It goes on after what is answered already.", width="content")
        action_button("Go on", "play_arrow", file.id, lambda: answering.start(file))
        action_button("Delete", "delete", file.id, lambda: answering.remove(file))


def _progress(call: Answering) -> None:
    progress = call.progress
    share, words = 0.0, "Waiting for its turn"
    if progress:
        share = min(1.0, progress.done / progress.total) if progress.total else 0.0
        words = progress_text(progress)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(share, words)
        action_button("Cancel", "stop", call.file.id, call.cancel)


def _finished(file: AnsweredFile) -> None:
    with st.spinner("Counting the answers …"):  # of a million rows it takes seconds, once
        summary = _summary(file.parquet, file.parquet.stat().st_mtime_ns, file.thresholds)
    st.markdown(_sentence(summary))
    labels = list(summary.labels.items())
    answered = max(1, summary.rows - summary.left_out)
    counts = pd.DataFrame(
        [(label, number, number / answered) for label, number in labels[:MOST_CLASSES]],
        columns=["Answer", "Rows", "Share"],
    )
    share = st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1)
    st.dataframe(counts, hide_index=True, column_config={"Share": share}, alt="Rows by answer")
    if len(labels) > MOST_CLASSES:
        st.caption(f"and {count(len(labels) - MOST_CLASSES)} rarer ones")
    if summary.least_sure:
        with st.expander(f"The {len(summary.least_sure)} least sure answers"):
            _least_sure(summary)
    with st.container(horizontal=True, vertical_alignment="center"):
        _download("Parquet", file.parquet, file.name)
        _download("CSV", file.csv, file.name)
        action_button("Delete", "delete", file.id, lambda: answering.remove(file))


@functools.lru_cache(maxsize=64)
def _summary(parquet: Path, version: int, thresholds: tuple[float, ...]) -> Summary:
    return answer_summary.summarize(parquet, thresholds)


def _sentence(summary: Summary) -> str:
    answered = summary.rows - summary.left_out
    parts = [f"{count(answered)} of {count(summary.rows)} rows have an answer."]
    if summary.left_out:
        have = "1 has" if summary.left_out == 1 else f"{count(summary.left_out)} have"
        parts.append(f"{have} none, as the text is empty or cannot be read.")
    if answered:
        rule = f"another answer is within {100 * CLOSE:.0f} points"
        if summary.calibrated:
            rule = "the set of labels is not one"
        elif summary.several:
            rule = answers.CLOSE
        share = percent(summary.unsure / answered)
        parts.append(f"Not sure: {count(summary.unsure)} ({share}), where {rule}.")
    return " ".join(parts)


def _least_sure(summary: Summary) -> None:
    table = pd.DataFrame(summary.least_sure)
    confidence = st.column_config.NumberColumn(format="percent")
    columns = {name: confidence for name in table if name.startswith(PROBABILITY)}
    columns["text"] = st.column_config.TextColumn(width="large")
    st.dataframe(table, hide_index=True, column_config=columns, alt="The least sure answers")


def _download(form: str, file: Path, name: str) -> None:
    size = file.stat().st_size
    if size > MAX_DOWNLOAD:
        st.caption(f"{form}, {formatting.size(size)}: copy `{file}` on the dashboard's machine.")
        return
    target = f"{Path(name).stem}-answers{file.suffix}"
    options = {"icon": ":material/download:", "on_click": "ignore"}
    key = f"{form}_{file.parent.name}"
    label = f"{form}, {formatting.size(size)}"
    st.download_button(label, file.read_bytes, target, key=key, **options)
