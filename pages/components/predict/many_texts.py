"""The answers of several models to many texts, as a table and a CSV file."""

import io
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from ftcore.events import Event, Progress, drain
from pages.components.forms.checkpoint_picker import CheckpointChoice
from pages.components.predict.answers import MAX_LENGTH, are_raw
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_formulas, escape_markdown

MAX_TEXTS = 2_000
NOT_READ = "no word known"  # in place of an answer that says nothing


def many_texts(refs: Sequence[str], choices: Mapping[str, CheckpointChoice]) -> None:
    """Draw the input, and the table of answers once it is there."""
    options = {"persist_state": "session", "placeholder": "One text\nAnother text"}
    pasted = st.text_area("Texts, one a line", key="predict_many", height=160, **options)
    texts = [line.strip()[:MAX_LENGTH] for line in pasted.splitlines() if line.strip()]
    if len(texts) > MAX_TEXTS:
        st.info(f"Only the first {MAX_TEXTS:,} of {len(texts):,} texts are answered.")
        texts = texts[:MAX_TEXTS]
    # Never disabled or renamed: a changed button would miss the click that leaves the text area.
    if st.button("Answer", key="predict_answer"):
        if not refs:
            st.info("Choose a model first.")
        elif not texts:
            st.info("Paste some texts first.")
        else:
            with show_errors():
                st.session_state.predict_table = _answer(texts, refs, choices)
    if "predict_table" in st.session_state:
        _table(st.session_state.predict_table)


def _answer(
    texts: list[str], refs: Sequence[str], choices: Mapping[str, CheckpointChoice]
) -> pd.DataFrame:
    """A row per text; per model, columns with its label, its confidence and, if it is calibrated, its set."""
    from ftcore.inference.prediction import predict_many  # imports torch

    bar = st.progress(0.0)
    columns: dict[str, list[object]] = {"text": list(texts)}
    try:
        for ref in refs:
            title = choices[ref].title

            def show(event: Event, title: str = title) -> None:
                if isinstance(event, Progress) and event.phase == "testing":
                    words = f"{escape_markdown(title)}: {event.done:,.0f}"
                    bar.progress(event.done / len(texts), words)

            predictions = drain(predict_many(ref, texts, are_raw()), show)
            name = title if title not in columns else f"{title} ({ref[:8]})"
            columns[name] = [
                NOT_READ if prediction.says_nothing else prediction.label
                for prediction in predictions
            ]
            columns[f"{name}, confidence"] = [
                None if prediction.says_nothing else prediction.confidence
                for prediction in predictions
            ]
            if kept := predictions[0].calibration:
                columns[f"{name}, set"] = [
                    None if prediction.says_nothing else kept.promise(prediction.label_set)
                    for prediction in predictions
                ]
    finally:
        bar.empty()
    return pd.DataFrame(columns)


def _table(table: pd.DataFrame) -> None:
    confidence = st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1)
    columns = {name: confidence for name in table.columns if name.endswith(", confidence")}
    columns["text"] = st.column_config.TextColumn("Text", width="medium")
    st.dataframe(table, hide_index=True, column_config=columns)
    csv = io.BytesIO()
    # Excel needs the byte order mark to read UTF-8.
    escape_formulas(table).to_csv(csv, index=False, encoding="utf-8-sig")
    options = {"icon": ":material/download:", "on_click": "ignore"}
    st.download_button("Download CSV", csv.getvalue(), "predictions.csv", "text/csv", **options)
