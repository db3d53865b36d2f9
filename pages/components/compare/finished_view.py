"""A finished comparison: the verdict, the curves and their replay, the figures, the diagnostics."""

import streamlit as st

from ftcore.experiments import comparison
from ftcore.experiments.result import Result
from pages.components.charts.figure import figure
from pages.components.charts.replay import is_replaying
from pages.components.charts.tradeoff_figure import tradeoff
from pages.components.compare import diagnostics, report
from pages.components.compare.disagreements import disagreements
from pages.components.compare.download_buttons import Download, download_buttons
from pages.components.compare.page_button import page_button
from pages.components.compare.replayed_curves import BELOW_VERDICT, replayed_curves
from pages.components.compare.result_cache import cached, cached_figure
from pages.components.compare.summary import Summary, summarize
from pages.components.forms.checkpoint_picker import checkpoint_choices
from pages.components.predict.explanation import explanations
from pages.components.runs.side_by_side import run_table
from pages.components.text.escaping import escape_markdown

REPLAY = "replay"  # the key of the component


def finished_view(results: list[Result]) -> None:
    """Draw everything; during a replay the results stay hidden."""
    summary = cached(results, ("summary",), lambda: summarize(results))
    hidden = is_replaying(REPLAY)
    _curves(results, summary, hidden)
    if hidden or summary.table.empty:
        return
    st.space("small")
    chart, more = st.columns([3, 2], gap="large", vertical_alignment="center")
    with chart:
        fig = cached_figure(results, ("tradeoff",), lambda: tradeoff(results))
        figure(fig, key="tradeoff", name="trade-off")
    with more:
        lines = [f"- {escape_markdown(line)}" for line in summary.further[BELOW_VERDICT:]]
        st.markdown("\n".join(lines))
    st.table(summary.table, border="horizontal", hide_index=True)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.caption(summary.caption, width="content")
        with st.container(horizontal=True, width="content"):
            about = "One file with every chart and figure, which opens anywhere."
            download_buttons(
                results,
                Download("Report", report.html, "html", "description", about),
                Download("Curves", report.csv, "csv", "table", "Every point, as CSV."),
            )
            page_button(results)
    st.space("small")
    _diagnostics(results)


@st.fragment
def _curves(results: list[Result], summary: Summary, hidden: bool) -> None:
    """Draw the verdict and the curves with their replay; `hidden`: whether the page hides the results."""
    replayed_curves(results, summary, REPLAY)
    if is_replaying(REPLAY) != hidden:
        st.rerun()  # of the whole page, which hides or shows the results


@st.fragment
def _diagnostics(results: list[Result]) -> None:
    """Draw a tab for each view; the open one is kept in the address."""
    views = {
        "Watched sentences": diagnostics.watched_sentences,
        "Where they disagree": disagreements,
        "What moved": diagnostics.weight_changes,
        "What it sees": diagnostics.text_map,
        "What it forgot": diagnostics.forgetting,
        "Why": _why,
        "Settings": _settings,
    }
    tabs = st.tabs(list(views), key="tab", bind="query-params")
    for tab, view in zip(tabs, views.values(), strict=True):
        if tab.open:
            with tab:
                view(results)


def _settings(results: list[Result]) -> None:
    run_table([result.run for result in results], key="compare_differences")


def _why(results: list[Result]) -> None:
    """Draw how the words of a text contribute to each model's answer."""
    saved = checkpoint_choices()
    run_ids = [side.results[0].run.run_id for side in comparison.sides(results)]
    refs = [run_id for run_id in run_ids if run_id in saved]
    if not refs:
        st.info("The models of these runs were not kept. Run the experiment again to ask them why.")
        return
    watched = [sentence for result in results for sentence in result.run.config.watched]
    text = st.text_input("Text", watched[0] if watched else "", key="compare_why")
    if text.strip():
        explanations(text, refs)
