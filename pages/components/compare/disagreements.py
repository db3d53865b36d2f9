"""Answers of a run against the truth or another run: a table, and the texts in each of its cells."""

from typing import Any

import numpy as np
import streamlit as st

from ftcore import formatting
from ftcore.colours import model_colour
from ftcore.experiments.result import Result
from pages.components.charts import answers_figure, matrix_figures
from pages.components.charts.figure import figure
from pages.components.compare import choices, predictions
from pages.components.compare.predictions import DIFFERENT, RunPredictions
from pages.components.text.escaping import escape_markdown

PAGE_SIZE = 10  # texts
TRUTH = "the truth"
MAX_PILLS = 5


@st.fragment
def disagreements(results: list[Result]) -> None:
    """Draw the choice of two sides, their table, and the texts of the chosen cell."""
    runs = predictions.run_predictions(results)
    if not runs:
        choices.missing_diagnostics("its mistakes")
        return
    left, right = st.columns([2, 3], gap="large")
    with left, st.container(horizontal=True):
        first = runs[_select("Answers of", runs, "disagreements_first")]
        others: dict[str, RunPredictions | None] = {TRUTH: None} | {
            run_id: run
            for run_id, run in runs.items()
            if run is not first and np.array_equal(run.diagnostics.truth, first.diagnostics.truth)
        }
        second = others[_select("against", others, "disagreements_second")]
    with left:
        cell = _cell_input(first, second)
    with right:
        _texts(first, second, cell)


def _select(label: str, runs: Any, key: str) -> str:
    choices.forget_unknown(key, runs)
    names = {run_id: run.name if run else run_id for run_id, run in runs.items()}
    return st.selectbox(label, list(names), format_func=names.get, key=key, persist_state="session")


def _cell_input(first: RunPredictions, second: RunPredictions | None) -> str:
    """Draw the table and a choice among its cells; return the chosen one."""
    colour = model_colour(first.result.run.config.mode)
    if second is None:
        cells = {DIFFERENT: "Most confident mistakes"} | answers_figure.cells(first.diagnostics)
    else:
        cells = {DIFFERENT: "Where they differ", "0-0": "Both right"}
        cells |= {"0-1": f"{first.name} alone right", "1-0": f"{second.name} alone right"}
        cells |= {"1-1": "Both wrong"}
    key = f"disagreements_{'pair' if second else 'truth'}"
    if st.session_state.get(key) not in cells:
        st.session_state[key] = DIFFERENT
    cell = st.session_state[key]
    chosen = None if cell == DIFFERENT else predictions.parse_cell(cell)
    if second is None:
        fig = answers_figure.answers(first.diagnostics, first.name, colour, chosen)
    else:
        names = first.name, second.name
        fig = matrix_figures.agreement(first.correct, second.correct, names, colour, chosen)

    def choose(point: dict[str, Any]) -> None:
        st.session_state[key] = answers_figure.cell_of(point)

    figure(fig, key=f"{key}_table", name="disagreements", on_click=choose)
    if len(cells) > MAX_PILLS:
        return st.selectbox("Texts", list(cells), format_func=cells.get, key=key)
    names = {cell: escape_markdown(name) for cell, name in cells.items()}
    return st.pills("Texts", list(cells), format_func=names.get, required=True, key=key, wrap=True)


def _texts(first: RunPredictions, second: RunPredictions | None, cell: str) -> None:
    """Draw the texts of a cell, ten at a time."""
    rows = predictions.texts_in_cell(first, second, cell)
    if not len(rows):
        st.info("No texts in this cell.")
        return
    texts = choices.stored_texts(first)
    if texts is None:
        return
    runs = [first, second] if second else [first]
    key = "-".join(["disagreements_page", *(run.result.run.run_id for run in runs), cell])
    place = {"horizontal_alignment": "distribute", "vertical_alignment": "center"}
    with st.container(horizontal=True, **place):
        st.markdown(f"**{formatting.count(len(rows))} texts**, the most confident answers first")
        page = st.pagination(-(-len(rows) // PAGE_SIZE), max_visible_pages=5, key=key)
    shown = rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    answered = "".join(choices.answered_text(int(row), texts, runs) for row in shown)
    st.html(f'<div style="display:grid;gap:1.1rem">{answered}</div>')
