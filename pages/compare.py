"""Modes against each other: set up, watch, read what came out. `?experiment=` or `?runs=`."""

from contextlib import suppress
from datetime import datetime

import pandas as pd
import streamlit as st

from ftcore import formatting, paths
from ftcore.config import MODE_DEFAULTS, REFERENCES, FineTuneConfig, mode_defaults, mode_title
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.training import estimate
from pages.components.charts.palette import BADGES, mode_badge
from pages.components.forms import settings_form as form
from pages.components.shell import warm_imports
from pages.components.text.escaping import escape_markdown

CHOSEN = ("full", "last-layer", "gradual", "scratch")
MOST_SEEDS = 5
# Settings taken from the Train form.
SAME = ("checkpoint", "dataset", "source", "limit", "source_task_data")

experiment = st.query_params.get("experiment", "")
run_ids = [one for one in dict.fromkeys(st.query_params.get("runs", "").split(",")) if one]
if experiment or run_ids:
    try:
        with st.spinner("Opening …"):
            from pages.components.compare.experiment_view import experiment_view  # imports MLflow

        experiment_view(experiment, run_ids)
    except UnfreezeError as error:
        st.error(escape_markdown(str(error)))
        st.page_link("compare.py", label="Set up an experiment", icon=":material/arrow_forward:")
    st.stop()

st.title("Compare", anchor=False)
st.markdown(
    "Train in several modes from the same start, on the same texts in the same order, and see which is "
    "better, by how much, and what it costs."
)
checkpoints = form.initialize()
choose, summary = st.columns([5, 3], gap="large")
with choose:
    modes = st.pills(
        "Modes",
        list(MODE_DEFAULTS),
        selection_mode="multi",
        default=CHOSEN,
        format_func=lambda mode: f":{mode_badge(mode)}[⬤]  {mode_title(mode)}",
        key="compare_modes",
        persist_state="session",
        wrap=True,
    )
    start, data = st.columns(2)
    with start:
        form.checkpoint_input(checkpoints)
    with data:
        form.data_input()
    groups = ""
    if "custom" in modes:
        names = list(checkpoints[st.session_state[form.key("checkpoint")]].model.group_sizes())
        chosen = st.pills(
            "Groups that train in Custom",
            names,
            selection_mode="multi",
            default=names[:1],
            key="compare_groups",
            persist_state="session",
            wrap=True,
        )
        groups = ", ".join(chosen)
    seeds, epochs, limit = st.columns(3)
    seed_count = seeds.number_input(
        "Seeds",
        1,
        MOST_SEEDS,
        1,
        key="compare_seeds",
        persist_state="session",
        help="Each mode runs once a seed. Several show how much of a difference is luck.",
    )
    epoch_count = epochs.number_input(
        "Epochs",
        1,
        1000,
        mode_defaults("gradual").epochs,
        key="compare_epochs",
        persist_state="session",
        help="Passes over the training texts, the same for all modes.",
    )
    with limit:
        form.setting_input("limit", label="Training texts (0: all)")
    dataset = st.session_state[form.key("dataset")]
    watch = st.text_area(
        "Watched sentences",
        "\n".join(datasets.SPECS[dataset].examples),
        height=110,
        key=f"compare_watch_{dataset}",
        persist_state="session",
        help="A line each. Every model answers them as it trains: watch them change their minds.",
    )
    references = st.toggle(
        "Reference lines",
        True,
        key="compare_references",
        persist_state="session",
        help="TF-IDF with logistic regression, a linear probe, the majority class: on the same texts.",
    )
    rates = {}
    with st.expander("More settings"):
        with st.grid(2, min_column_width=180, gap="medium") as grid:
            for mode in modes:
                with grid.cell():
                    rates[mode] = st.number_input(
                        f"{mode_title(mode)}: learning rate",
                        1e-6,
                        10.0,
                        mode_defaults(mode).learning_rate,
                        step=None,
                        format="%g",
                        key=f"compare_rate_{mode}",
                        persist_state="session",
                    )
        st.page_link("train.py", label="Find a rate for a mode", icon=":material/troubleshoot:")
        form.setting_input("source_task_data", explain=True)


def planned() -> list[FineTuneConfig]:
    """The runs of the experiment that the form describes."""
    from ftcore.experiments import plan  # imports MLflow

    settings = {name: st.session_state[form.key(name)] for name in SAME}
    settings |= {"epochs": epoch_count, "watch": watch, "groups": groups}
    return plan.plan(settings, modes, range(seed_count), rates, references)


@st.cache_data(ttl=3, show_spinner=False)
def known(home: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs and experiments of that home; read once for a few clicks."""
    from ftcore import tracking
    from ftcore.experiments import catalog

    return tracking.runs(), catalog.experiments()


with summary.container(border=True):
    if len(modes) < 2:
        st.info("Choose two modes or more.")
    time_needed = st.empty()
    if st.button(
        "Run the experiment",
        type="primary",
        icon=":material/play_arrow:",
        disabled=len(modes) < 2,
        width="stretch",
    ):
        try:
            with st.spinner("Starting …"):
                from ftcore.experiments import plan

                configs = planned()
                title = (
                    f"{datasets.title(dataset)} · {len(modes)} modes · {datetime.now():%d %b %H:%M}"
                )
                started = plan.submit(configs, title)
        except UnfreezeError as error:
            st.error(escape_markdown(str(error)))
        else:
            st.query_params["experiment"] = started
            st.rerun()


st.space("small")
st.subheader("Earlier experiments", anchor=False)
listed = st.empty()
warm_imports.wait_until_loaded(lambda: [slot.skeleton(height=80) for slot in (time_needed, listed)])
time_needed.empty()
try:
    runs, found = known(str(paths.home()))
except UnfreezeError as error:
    listed.error(escape_markdown(str(error)))
    st.stop()
if len(modes) > 1:
    with suppress(UnfreezeError), time_needed.container():  # which Run will name
        configs = planned()
        seconds = sum(estimate.seconds(config, runs) for config in configs)
        lines = sum(config.mode in REFERENCES for config in configs)
        of_them = f", {lines} of them for reference lines" * bool(lines)
        st.markdown(f"**{len(configs)} runs**{of_them}. One at a time, so that the clock is fair.")
        st.caption(f"About {formatting.rough_duration(seconds)} on this machine")
if found.empty:
    listed.caption("None yet.")
    st.stop()
with listed.container():
    for row in found.itertuples():
        with st.container(horizontal=True, vertical_alignment="center"):
            # Not a link to this same page: that would leave its address as it is.
            if st.button(
                escape_markdown(row.name),
                key=f"open_{row.experiment}",
                icon=":material/compare_arrows:",
                type="tertiary",
            ):
                st.query_params["experiment"] = row.experiment
                st.rerun()
            st.badge(row.status.capitalize(), color=BADGES.get(row.status, "gray"))
            st.caption(f"{row.runs} runs")
