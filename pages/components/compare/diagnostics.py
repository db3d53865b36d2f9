"""Diagnostics of the runs of a comparison: a view a function, for the tabs of a page.

They were computed when the runs ended (`ftcore.diagnostics`); here they are drawn, once for all viewers.
"""

from functools import partial

import streamlit as st

from ftcore.experiments import comparison, grouping
from ftcore.experiments.result import Result
from pages.components.charts import curve_figures, diagnostics_figures, run_curves
from pages.components.charts.figure import figure
from pages.components.charts.live_chart import axis_input
from pages.components.charts.measures import several_labels
from pages.components.compare import choices
from pages.components.compare.predictions import run_predictions
from pages.components.compare.result_cache import cached_figure
from pages.components.text.escaping import escape_markdown
from pages.components.text.html_fragments import colour_legend

MOST_BUTTONS = 6  # classes to choose one from; more of them are a list
WIDTH = 960  # pixels; these charts gain nothing from more


def weight_changes(results: list[Result]) -> None:
    """How far each layer group moved from where it began, by mode."""
    draw = partial(diagnostics_figures.weight_changes, comparison.sides(results))
    if fig := cached_figure(results, ("weight_changes",), draw):
        with st.container(width=WIDTH):
            figure(fig, key="weight_changes", name="what-moved")
    else:
        choices.missing_diagnostics("how far its layers move")


def forgetting(results: list[Result]) -> None:
    """What each mode lost of the task that the checkpoint had learned before."""
    sides = comparison.sides(results)
    tested = [side for side in sides if not side.is_reference and side.mode != "scratch"]
    missing = [side.label for side in tested if not diagnostics_figures.seed_mean(side, "forgot")]
    draw = partial(diagnostics_figures.forgetting, sides)
    if fig := cached_figure(results, ("forgetting",), draw):
        with st.container(width=WIDTH):
            figure(fig, key="forgetting", name="what-it-forgot")
        if missing:
            st.caption(f"Not measured for {escape_markdown(', '.join(missing))}.")
    elif missing:
        st.info(
            "Not measured: this needs test texts of the task that the checkpoint learned first. Get them on "
            "the Data page, or enter their path under More settings, then run the experiment again."
        )
        st.page_link("data.py", label="Go to Data", icon=":material/arrow_forward:")


@st.fragment
def text_map(results: list[Result]) -> None:
    """The test texts as a run's body sees them, before and after training."""
    answered = run_predictions(results)
    runs = {run_id: run for run_id, run in answered.items() if len(run.diagnostics.map_rows)}
    if not runs:
        choices.missing_diagnostics("its texts on a map")
        return
    key = "text_map_run"
    choices.forget_unknown(key, runs)
    names = {run_id: escape_markdown(run.name) for run_id, run in runs.items()}
    default = None if key in st.session_state else next(iter(runs))
    options = {"label_visibility": "collapsed", "wrap": True, "persist_state": "session"}
    options |= {"default": default, "format_func": names.get, "required": True, "key": key}
    chosen = st.pills("Model", list(runs), **options)
    run = runs[chosen]
    texts = choices.stored_texts(run)
    if texts is None:
        return
    draw = partial(diagnostics_figures.text_map, run.diagnostics, texts, run.name)
    fig = cached_figure(results, ("text_map", chosen), draw)
    point = figure(fig, key="text_map", name="what-it-sees", clicks=True)
    if point:
        row = int(run.diagnostics.map_rows[int(point["customdata"][0])])
        st.html(choices.answered_text(row, texts, [run]))
    else:
        st.caption("Point at a text to read its start; click it to read all of it.")


@st.fragment
def watched_sentences(results: list[Result]) -> None:
    """How the answers to the watched sentences changed during training."""
    watching = curve_figures.runs_that_watched(results)
    if not watching:
        st.info(
            "These runs watched no sentences. Enter some under Watched sentences before the next run to "
            "see how the models change their minds."
        )
        return
    labels = watching[0].run.facts["labels"]
    choices.forget_unknown("watched_label", range(len(labels)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        options = {"key": "watched_label", "persist_state": "session"}
        numbers = range(len(labels))
        if len(labels) > MOST_BUTTONS:
            options |= {"format_func": labels.__getitem__, "index": numbers[-1]}
            label = st.selectbox("Probability of", numbers, **options)
        else:
            options |= {"format_func": lambda number: escape_markdown(labels[number])}
            options |= {"default": numbers[-1], "required": True}
            label = st.segmented_control("Probability of", numbers, **options)
        options = {"label_visibility": "visible", "persist_state": "session", "wrap": True}
        axis = axis_input("watched_axis", "Over", **options)
    names, groups = zip(*grouping.group_by_settings(watching), strict=True)
    colours = run_curves.colours([group[0].run.config.mode for group in groups])
    st.html(colour_legend(dict(zip(names, colours, strict=True))))
    if several_labels(watching[0].run):
        st.caption("Dashed: from this probability on, the model that was kept says the label.")
    with st.grid(2, min_column_width=320, gap="medium") as grid:
        for number in range(len(watching[0].run.config.watched)):
            draw = partial(curve_figures.watched_sentence, watching, number, label, axis)
            with grid.cell():
                fig = cached_figure(results, ("watched", number, label, axis), draw)
                figure(fig, key=f"watched_{number}", name=f"watched-{number + 1}")
