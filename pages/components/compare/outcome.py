"""What a finished comparison came to: the verdict, the curves and their replay, the figures, the inside."""

import re
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from ftcore import formatting
from ftcore.experiments import comparison, verdict
from ftcore.experiments.comparison import Side
from ftcore.experiments.result import Result
from pages.components.charts import comparison_figures, run_curves
from pages.components.charts.figure import figure
from pages.components.charts.live_chart import packed
from pages.components.charts.palette import mode_badge, model_colour
from pages.components.charts.replay import replay, replaying, watched
from pages.components.compare import diagnostics, report
from pages.components.compare.memo import kept, kept_figure
from pages.components.forms.checkpoint_picker import checkpoint_choices
from pages.components.predict.explanation import explanations
from pages.components.runs.live_comparison import axis_input
from pages.components.runs.side_by_side import run_table
from pages.components.shell import warm_imports
from pages.components.text.escaping import escape_markdown

REPLAY = "replay"  # the key of its state
PLUS_MINUS = "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}"
AT_ONCE = 2  # further sentences that stand below the verdict, the rest besides the trade-off


@dataclass(frozen=True)
class Summary:
    """What is said of a comparison, without what draws it."""

    verdict: list[tuple[str, str]]  # as `parts`
    further: list[str]
    table: pd.DataFrame
    parameters: int  # the most that a model has


def outcome(results: list[Result]) -> None:
    """Draw it all; while it is replayed, what it came to stays hidden."""
    summary = kept(results, ("summary",), lambda: summed_up(results))
    hidden = replaying(REPLAY)
    _curves(results, summary, hidden)
    if hidden or summary.table.empty:
        return
    st.space("small")
    chart, more = st.columns([3, 2], gap="large", vertical_alignment="center")
    with chart:
        drawn = kept_figure(results, ("tradeoff",), lambda: comparison_figures.tradeoff(results))
        figure(drawn, key="tradeoff", name="trade-off")
    with more:
        st.markdown("\n".join(f"- {escape_markdown(one)}" for one in summary.further[AT_ONCE:]))
    st.table(summary.table, border="horizontal", hide_index=True)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.caption(
            "± is half of a 95% interval."
            + f" Trained parameters as a share of all {summary.parameters:,}."
            * bool(summary.parameters),
            width="content",
        )
        with st.container(horizontal=True, width="content"):
            st.download_button(
                "Report",
                lambda: report.html(results),
                "unfreeze-report.html",
                "text/html",
                icon=":material/description:",
                on_click="ignore",
                help="One file with every chart and figure, which opens anywhere.",
            )
            st.download_button(
                "Curves",
                lambda: report.csv(results),
                "unfreeze-curves.csv",
                "text/csv",
                icon=":material/table:",
                on_click="ignore",
                help="Every point, as CSV.",
            )
    st.space("small")
    _inside(results)


def summed_up(results: list[Result]) -> Summary:
    """The verdict, and the figures of each side."""
    sides = comparison.sides(results)
    return Summary(
        parts(verdict.summary(results), sides),
        verdict.findings(results),
        figures(sides),
        max((side.parameters for side in sides), default=0),
    )


@st.fragment
def _curves(results: list[Result], summary: Summary, hidden: bool) -> None:
    """The verdict and the curves with their replay; `hidden` says whether the rest is, as it stands."""
    above = st.container()
    axis = axis_input()
    with above:
        replay(kept(results, ("curves", axis), lambda: _packed(results, summary, axis)), key=REPLAY)
    if replaying(REPLAY) != hidden:
        st.rerun()  # of the whole page: what it came to goes, or comes back


def _packed(results: list[Result], summary: Summary, axis: str) -> bytes:
    traces = run_curves.by_side(results)
    story = {
        "verdict": summary.verdict,
        "further": [unbroken(one) for one in summary.further[:AT_ONCE]],
        "watched": watched(results, traces, axis),
    }
    ids = ",".join(result.run.run_id for result in results)
    return packed(traces, axis, ids, timed=True, story=story)


@st.fragment
def _inside(results: list[Result]) -> None:
    """What happened inside, a tab a view; which one is open stands in the address."""
    warm_imports.preload_explanation()  # for Why
    views = {
        "Watched sentences": diagnostics.watched,
        "Where they disagree": diagnostics.disagreements,
        "What moved": diagnostics.moved,
        "What it sees": diagnostics.sees,
        "What it forgot": diagnostics.forgot,
        "Why": _why,
        "Settings": lambda results: run_table(
            [result.run for result in results], key="compare_differences"
        ),
    }
    tabs = st.tabs(list(views), key="tab", bind="query-params")
    for tab, view in zip(tabs, views.values(), strict=True):
        if tab.open:
            with tab:
                view(results)


def _why(results: list[Result]) -> None:
    """What each model makes of the words of a text."""
    saved = checkpoint_choices()
    refs = [
        side.results[0].run.run_id
        for side in comparison.sides(results)
        if side.results[0].run.run_id in saved
    ]
    if not refs:
        st.info("The models of these runs were not kept. Run the experiment again to ask them why.")
        return
    sentences = next((one.run.config.watched for one in results if one.run.config.watched), [""])
    text = st.text_input("Text", sentences[0], key="compare_why")
    if text.strip():
        explanations(text, refs)


def parts(sentence: str, sides: list[Side]) -> list[tuple[str, str]]:
    """A sentence in parts: names of sides with their colour, the rest with none."""
    colours = {side.label: model_colour(side.mode) for side in sides}
    names = "|".join(re.escape(name) for name in sorted(colours, key=len, reverse=True))
    found = re.split(rf"(?<!\w)({names})(?!\w)", unbroken(sentence)) if names else [sentence]
    return [(text, colours.get(text, "")) for text in found if text]


def unbroken(sentence: str) -> str:
    """The same with figures that no line breaks in two."""
    return re.sub(r"(?<=[\d±]) (?=[\d±]|s\b|min\b|points)", "\N{NO-BREAK SPACE}", sentence)


def figures(sides: list[Side]) -> pd.DataFrame:
    """A row a side, as Markdown."""
    several = any(side.seed_interval for side in sides)
    rows = []
    for side in sides:
        network = not side.is_reference
        title = side.label.replace("[", "(").replace("]", ")")
        row = {
            "Mode": f":{mode_badge(side.mode)}-badge[{title}]",
            "Test accuracy": f"**{side.test_accuracy:.1%}**{PLUS_MINUS}{_half(side.text_interval)}",
        }
        if several:
            row["From seed to seed"] = (
                f"± {_half(side.seed_interval)}" if side.seed_interval else formatting.MISSING
            )
            row["Seeds"] = str(len(side.results))
        row["Training"] = formatting.duration(side.train_seconds)
        for level in verdict.LEVELS:
            row[f"{level:.0%} after"] = (
                formatting.duration(side.seconds_to(level)) if network else formatting.MISSING
            )
        share = side.trainable_parameters / side.parameters if side.parameters else 0
        of_all = "all" if share == 1 else f"{share:.2%}"
        row["Trained parameters"] = (
            f"{side.trainable_parameters:,} ({of_all})"
            if network and side.trainable_parameters
            else formatting.MISSING
        )
        rows.append(row)
    return pd.DataFrame(rows)


def _half(interval: tuple[float, float] | None) -> str:
    return f"{(interval[1] - interval[0]) * 50:.1f}" if interval else formatting.MISSING
