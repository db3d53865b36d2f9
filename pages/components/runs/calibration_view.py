"""How far the probabilities of a run's model can be trusted, and the button that calibrates them."""

from typing import Any

import pandas as pd
import streamlit as st

from ftcore.colours import model_colour
from ftcore.diagnostics.results import Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.formatting import between, few_names, percent, short_percent
from ftcore.inference import temperature
from ftcore.inference.temperature import Bin
from ftcore.models import calibration, checkpoints
from ftcore.models.calibration import TARGET, Calibration
from ftcore.modes import REFERENCES
from ftcore.tracking import Run
from pages.components.charts import calibration_figures
from pages.components.charts.figure import figure
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_markdown

TARGETS = (0.9, TARGET, 0.99)
MOST_ROWS = 14  # visible at once; more of them scroll
WHY = (
    "A model that says 95% is often right less often than that. Calibration compares what it says on the "
    "validation texts with how often it is right, and corrects it. It also finds which labels to name so "
    "that the true one is among them for as many texts of each class as you choose."
)


def calibration_view(run: Run) -> None:
    """Draw figures and button in a fold; nothing for a model that cannot be calibrated."""
    if run.config.mode in REFERENCES:
        return
    try:
        checkpoint = checkpoints.find(run.run_id)
    except UnfreezeError:
        return
    if checkpoint.thresholds:  # of several labels, each has a threshold of its own
        return
    with st.expander("Can its probabilities be trusted?", icon=":material/verified:", key="trust"):
        st.markdown(WHY)
        kept = None
        with show_errors():  # a damaged one
            kept = calibration.read(checkpoint)
        _button(run, kept)
        if kept and kept.figures:
            _figures(run, kept)
        elif bins := _bins_before(run.run_id, run.revision):
            fig = calibration_figures.reliability(bins, [], run.name, model_colour(run.config.mode))
            with st.container(width=560):
                figure(fig, key="reliability", name="reliability")


def _button(run: Run, kept: Calibration | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        help = "Share of the texts of each class whose true label is to be among those named."
        options = {"format_func": short_percent, "required": True, "help": help}
        default = kept.target if kept and kept.target in TARGETS else TARGET
        target = st.segmented_control(
            "Labels that hold the true one for", TARGETS, default=default, key="target", **options
        )
        label = "Calibrate again" if kept else "Calibrate"
        importance = "secondary" if kept else "primary"
        clicked = st.button(label, key="calibrate", type=importance, icon=":material/balance:")
    if clicked:
        from ftcore.runs.calibration import calibrate  # imports torch

        with show_errors():
            run_task(calibrate(run.run_id, target))
            st.rerun()


@st.cache_data(max_entries=50, show_spinner=False)
def _bins_before(run_id: str, revision: str) -> list[Bin]:
    """The reliability of the answers to the test texts; empty without answers."""
    answers = Diagnostics.of_run(run_id)
    if answers is None or not len(answers.truth):
        return []
    return temperature.reliability(answers.probabilities, answers.truth)


def _figures(run: Run, kept: Calibration) -> None:
    figures, share = kept.figures, short_percent(kept.target)
    texts = f"{figures['test_texts']:,} test texts"
    with st.grid(4, min_column_width=150, border=True):
        before = f"{percent(figures['ece_before'])} before"
        help = (
            "Expected calibration error: the mean distance of the probability of answers and the share of "
            f"right ones, on {texts}."
        )
        quiet = {"delta_color": "off", "delta_arrow": "off"}
        st.metric("Off by", percent(figures["ece_after"]), before, help=help, **quiet)
        help = (
            "The scores are divided by it: above 1 the model was too sure, below 1 not sure enough."
        )
        st.metric("Temperature", f"{kept.temperature:.2f}", help=help)
        help = f"Of the {texts}, {between(figures['coverage_interval'])} with 95% confidence."
        st.metric(f"Covered, of {share}", percent(figures["coverage"]), help=help)
        sure = percent(figures["accuracy_when_sure"])
        help = f"Texts with no label or several. Of the others, {sure} are answered right."
        st.metric("Not sure", percent(figures["not_sure"]), help=help)
    if few := kept.in_every_set:
        st.info(
            f"Too few validation texts for a promise: {escape_markdown(few_names(few))}. Such a label is "
            "always named."
        )
    colour = model_colour(run.config.mode)
    bins = [
        [Bin(**each) for each in figures[name]]
        for name in ("reliability_before", "reliability_after")
    ]
    with st.grid(2, min_column_width=320, gap="medium") as grid:
        with grid.cell():
            fig = calibration_figures.reliability(*bins, run.name, colour)
            figure(fig, key="reliability", name="reliability")
        with grid.cell():
            fig = calibration_figures.answered(figures["by_threshold"], run.name, colour)
            figure(fig, key="answered", name="answered")
    _classes(figures)
    st.caption(
        f"From {kept.validation_texts:,} validation texts. The promise holds for texts like those; the test "
        "texts show what it came to."
    )


def _classes(figures: dict[str, Any]) -> None:
    """A row for each class, the least covered first."""
    shares, texts = figures["coverage_per_class"], figures["test_texts_per_class"]
    table = pd.DataFrame(
        {
            "Class": list(shares),
            "Covered": [None if share is None else 100 * share for share in shares.values()],
            "95% interval": list(map(between, figures["coverage_interval_per_class"].values())),
            "Texts": list(texts.values()),
        }
    ).sort_values("Covered", kind="stable")
    columns = {
        "Covered": st.column_config.NumberColumn(format="%.1f%%"),
        "Texts": st.column_config.NumberColumn(format="localized"),
    }
    height = 36 * (1 + min(len(table), MOST_ROWS))
    st.dataframe(table, hide_index=True, height=height, column_config=columns)
