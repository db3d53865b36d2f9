"""What happened inside the runs of a comparison: a view a function, for the tabs of a page.

All of it was computed at the end of the runs (`ftcore.insights`); here it is only counted and drawn, once
for all who look.
"""

from collections.abc import Collection, Hashable, Sequence
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from ftcore import formatting
from ftcore.diagnostics import insights
from ftcore.errors import UnfreezeError
from ftcore.experiments import comparison, grouping
from ftcore.experiments.result import Result
from pages.components.charts import comparison_figures, diagnostics_figures as drawn, run_curves
from pages.components.charts.figure import figure
from pages.components.charts.live_chart import AXES
from pages.components.charts.palette import class_colours, model_colour
from pages.components.compare.answers import ANY, Model, cell_texts, models, parsed
from pages.components.compare.memo import kept_figure
from pages.components.text.escaping import escape_html, escape_markdown
from pages.components.text.html_fragments import colour_legend, example_text

PAGE = 10  # texts
WIDTH = 960  # pixels of what would only grow emptier
EXCERPT = 320  # characters of a text
TRUTH = "the truth"
MOST_PILLS = 5
NOTHING = "What happened inside is looked at when a run ends, and these runs kept nothing of it. {}"


def moved(results: Sequence[Result]) -> None:
    """How far each layer group went from where it began, by mode."""
    found = [side for side in comparison.sides(results) if drawn.moves(side)]
    if not found:
        st.info(NOTHING.format("Run the experiment again to see how far its layers move."))
        return
    with st.container(width=WIDTH):
        fig = kept_figure(results, ("moved",), lambda: drawn.moved(found))
        figure(fig, key="inside_moved", name="what-moved")


def forgot(results: Sequence[Result]) -> None:
    """What each mode lost of the task that the checkpoint had learned before."""
    networks = [side for side in comparison.sides(results) if not side.is_reference]
    known = [side for side in networks if drawn.forgotten(side)]
    if known:
        with st.container(width=WIDTH):
            fig = kept_figure(results, ("forgot",), lambda: drawn.forgot(known))
            figure(fig, key="inside_forgot", name="what-it-forgot")
    without = [side.label for side in networks if side not in known and side.mode != "scratch"]
    if without and not known:
        st.info(
            "Not measured: it takes test texts of the task that the checkpoint learned first. Get them on "
            "the Data page, or say under More settings where they are, then run the experiment again."
        )
        st.page_link("data.py", label="Go to Data", icon=":material/arrow_forward:")
    elif without:
        st.caption(f"Not measured for {escape_markdown(', '.join(without))}.")


@st.fragment
def sees(results: Sequence[Result]) -> None:
    """The test texts as a run's body sees them, before and after."""
    found = {key: one for key, one in models(results).items() if len(one.look.rows)}
    if not found:
        st.info(NOTHING.format("Run the experiment again to see its texts on a map."))
        return
    chosen = found[_choice("Model", found, "inside_sees")]
    try:
        texts = insights.texts(chosen.result.run.facts["dataset_fingerprint"])
    except UnfreezeError as error:
        st.info(escape_markdown(str(error)))
        return
    rows = [int(row) for row in chosen.look.rows]

    def draw() -> go.Figure:
        title = f"What {escape_html(chosen.name)} sees"
        return drawn.vectors(chosen.look, [texts[row] for row in rows], title)

    fig = kept_figure(results, ("map", chosen.result.run.run_id), draw)
    point = figure(fig, key="inside_map", name="what-it-sees", clicks=True)
    if point:
        st.html(_text(rows[int(point["customdata"][0])], texts, [chosen]))
    else:
        st.caption("Point at one to read its start; click it to read all of it.")


@st.fragment
def disagreements(results: Sequence[Result]) -> None:
    """A run's answers against the truth or another run's, and the texts of any cell of that table."""
    found = models(results)
    if not found:
        st.info(NOTHING.format("Run the experiment again to read its mistakes."))
        return
    table, reading = st.columns([2, 3], gap="large")
    with table, st.container(horizontal=True):
        first = found[_select("Answers of", found, "inside_first")]
        others = {TRUTH: None} | {
            key: one
            for key, one in found.items()
            if one is not first and np.array_equal(one.look.truth, first.look.truth)
        }
        second = others[_select("against", others, "inside_second")]
    with table:
        cell = _cells(first, second)
    with reading:
        _read(first, second, cell)


@st.fragment
def watched(results: Sequence[Result]) -> None:
    """How the answer to each watched sentence changed while the modes trained."""
    found = comparison_figures.watching(results)
    if not found:
        st.info(
            "No sentence was watched. Write some under Watched sentences before the next run, and see "
            "the models change their minds."
        )
        return
    labels, sentences = comparison_figures.classes(found[0]), found[0].run.config.watched
    _forget_unknown("inside_label", range(len(labels)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        label = st.segmented_control(
            "Probability of",
            range(len(labels)),
            default=len(labels) - 1,
            required=True,
            format_func=lambda number: escape_markdown(labels[number]),
            key="inside_label",
            persist_state="session",
        )
        axis = st.segmented_control(
            "Over",
            AXES,
            default="step",
            required=True,
            format_func=AXES.get,
            key="inside_over",
            persist_state="session",
            wrap=True,
        )
    groups = grouping.group_by_settings(found)
    shades = run_curves.colours([group[0].run.config.mode for _, group in groups])
    st.html(colour_legend(dict(zip((name for name, _ in groups), shades, strict=True))))
    with st.grid(2, min_column_width=320, gap="medium") as grid:
        for number in range(len(sentences)):
            with grid.cell():
                fig = kept_figure(
                    results,
                    ("watched", number, label, axis),
                    partial(comparison_figures.watched, found, number, label, axis),
                )
                figure(fig, key=f"inside_watched_{number}", name=f"watched-{number + 1}")


def _cells(first: Model, second: Model | None) -> str:
    """Draw the table, and the choice of a cell besides; the cell that is chosen."""
    labels, colour = first.look.labels, model_colour(first.result.run.config.mode)
    if second is None:
        cells = {ANY: "Surest mistakes"} | {
            f"{row}-{column}": f"{labels[row]}, said {labels[column]}"
            for row in range(len(labels))
            for column in range(len(labels))
        }
    else:
        cells = {
            ANY: "Where they differ",
            "0-0": "Both right",
            "0-1": f"{first.name} alone right",
            "1-0": f"{second.name} alone right",
            "1-1": "Both wrong",
        }
    key = f"inside_cell_{'pair' if second else 'truth'}"
    if st.session_state.get(key) not in cells:
        st.session_state[key] = ANY
    chosen = None if st.session_state[key] == ANY else parsed(st.session_state[key])
    if second is None:
        title = f"{escape_html(first.name)} against the truth"
        fig = drawn.confusion(first.look, title, colour, chosen)
    else:
        fig = drawn.against(first.right, second.right, (first.name, second.name), colour, chosen)

    def show(point: dict[str, Any]) -> None:
        st.session_state[key] = f"{int(point['y'])}-{int(point['x'])}"

    figure(fig, key=f"{key}_table", name="disagreements", on_click=show)
    if len(cells) > MOST_PILLS:
        return st.selectbox("Texts", list(cells), format_func=cells.__getitem__, key=key)
    return st.pills(
        "Texts",
        list(cells),
        format_func=lambda cell: escape_markdown(cells[cell]),
        required=True,
        key=key,
        wrap=True,
    )


def _read(first: Model, second: Model | None, cell: str) -> None:
    """The texts of a cell, ten at a time."""
    there = cell_texts(first, second, cell)
    if not len(there):
        st.info("There is no such text.")
        return
    try:
        texts = insights.texts(first.result.run.facts["dataset_fingerprint"])
    except UnfreezeError as error:
        st.info(escape_markdown(str(error)))
        return
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.markdown(f"**{formatting.count(len(there))} texts**, the surest answers first")
        ids = [one.result.run.run_id for one in (first, second) if one]
        page = st.pagination(
            -(-len(there) // PAGE), max_visible_pages=5, key="-".join(["inside_page", *ids, cell])
        )
    asked = [one for one in (first, second) if one]
    shown = there[(page - 1) * PAGE : page * PAGE]
    st.html(
        '<div style="display:grid;gap:1.1rem">'
        + "".join(_text(int(row), texts, asked) for row in shown)
        + "</div>"
    )


def _text(row: int, texts: Sequence[str], asked: Sequence[Model]) -> str:
    """A test text with its class, and what each model says of it; safe HTML."""
    look = asked[0].look
    truth = look.labels[look.truth[row]]
    answers = [f"{one.name}: {one.look.labels[one.said[row]]} {one.sure[row]:.1%}" for one in asked]
    colour = class_colours(look.labels)[truth]
    return example_text(texts[row], " · ".join([truth, *answers]), colour, "", EXCERPT)


def _choice(label: str, found: dict[str, Model], key: str) -> str:
    _forget_unknown(key, found)
    return st.pills(
        label,
        list(found),
        required=True,
        default=None if key in st.session_state else next(iter(found)),
        format_func=lambda one: escape_markdown(found[one].name),
        key=key,
        label_visibility="collapsed",
        wrap=True,
        persist_state="session",
    )


def _select(label: str, found: dict[str, Model | None] | dict[str, Model], key: str) -> str:
    _forget_unknown(key, found)

    def called(one: str) -> str:
        model = found[one]
        return model.name if model else one

    return st.selectbox(label, list(found), format_func=called, key=key, persist_state="session")


def _forget_unknown(key: str, found: Collection[Hashable]) -> None:
    """A choice of another comparison means nothing here."""
    if st.session_state.get(key, next(iter(found))) not in found:
        del st.session_state[key]
