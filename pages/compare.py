"""Compare modes: set up an experiment, or show the one of `?experiment=` or the runs of `?runs=`."""

from contextlib import suppress
from datetime import datetime
from functools import partial

import pandas as pd
import streamlit as st

from ftcore import formatting, paths
from ftcore.colours import model_colour
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.modes import DEFAULTS, REFERENCES, last_groups, mode_title
from ftcore.training import estimate
from pages.components.charts.palette import BADGES
from pages.components.forms import settings_form as form
from pages.components.forms.encoder_offer import encoder_offer, wait_for_offer
from pages.components.shell import visitor, warm_imports
from pages.components.text.errors import show_error, show_errors
from pages.components.text.escaping import escape_markdown

KINDS = {"comparison": "Compare modes", "learning curve": "How many labels?"}
MODES = {
    "comparison": ("full", "last-layer", "gradual", "scratch"),
    "learning curve": ("full", "last-layer"),
}
LEAST_MODES = {"comparison": 2, "learning curve": 1}
SEEDS = {"comparison": 1, "learning curve": 3}  # by default
ICONS = {"comparison": ":material/compare_arrows:", "learning curve": ":material/show_chart:"}
SIZES = (25, 50, 100, 200, 400)  # by default, as far as there are so many; and all
MAX_SEEDS = 5
# Settings shared with the form of the Train page, and those of them under More settings.
SHARED = ("checkpoint", "dataset", "source")
LENGTHS = ("max_length", "read_length", "test_limit")
SHARED_MORE = {"comparison": (*LENGTHS, "source_task_data"), "learning curve": LENGTHS}

experiment = st.query_params.get("experiment", "")
run_ids = list(filter(None, dict.fromkeys(st.query_params.get("runs", "").split(","))))
if experiment or run_ids:
    try:
        with st.spinner("Opening …"):
            from pages.components.compare.experiment_view import experiment_view  # imports MLflow

        experiment_view(experiment, run_ids)
    except UnfreezeError as error:
        show_error(error)
        st.page_link("compare.py", label="Set up an experiment", icon=":material/arrow_forward:")
    st.stop()

st.title("Compare", anchor=False)
options = {"format_func": KINDS.get, "default": "comparison", "required": True}
options |= {"key": "compare_kind", "persist_state": "session", "label_visibility": "collapsed"}
kind = st.segmented_control("Experiment", list(KINDS), **options)
is_curve = kind == "learning curve"
st.markdown(
    "Train on more and more texts, and see from how many on it pays to train all layers, and what more "
    "labels would bring."
    if is_curve
    else "Train in several modes from the same start, on the same texts in the same order, and see which "
    "is better, by how much, and what it costs."
)
checkpoints = form.initialize()
choose, summary = st.columns([5, 3], gap="large")
with choose:
    offered = encoder_offer(checkpoints.values())
    multi_pills = partial(st.pills, selection_mode="multi", persist_state="session", wrap=True)
    pills = st.empty()
    start, data = st.columns(2)
    with start:
        form.checkpoint_input(checkpoints)
    with data:
        form.data_input()
    spec = checkpoints[st.session_state[form.key("checkpoint")]].model
    last = f"last-{form.last_groups(spec)}"
    # The choice holds last-2 for any last-K, so it stays when K changes.
    shown = {mode: last if last_groups(mode) else mode for mode in DEFAULTS[form.recipe()]}
    titles = {
        mode: f':color[⬤]{{foreground="{model_colour(name)}"}}  {mode_title(name)}'
        for mode, name in shown.items()
    }
    options = {"default": MODES[kind], "format_func": titles.get}
    options |= {"key": "curve_modes" if is_curve else "compare_modes"}
    with pills:
        modes = [shown[mode] for mode in multi_pills("Modes", list(titles), **options)]
    if last in modes:
        form.last_groups_input(spec)
    groups = ""
    if "custom" in modes:
        names = list(spec.group_sizes())
        label, key = "Groups that train in Custom", "compare_groups"
        groups = ", ".join(multi_pills(label, names, default=names[:1], key=key))
    number_input = partial(st.number_input, persist_state="session")
    dataset = st.session_state[form.key("dataset")]
    left, middle, right = st.columns(3)
    with left:
        text = "Each mode runs once per seed. Several show how much of a difference is luck."
        key = "curve_seeds" if is_curve else "compare_seeds"
        seeds = number_input("Seeds", 1, MAX_SEEDS, SEEDS[kind], key=key, help=text)
    if is_curve:
        with middle:
            text = "Numbers of training texts, by commas, or all. A seed's smaller samples are part of its "
            text += "larger ones."
            fewer = [
                f"{size}" for size in SIZES if size < datasets.find_spec(dataset).training_size
            ]
            options = {"key": f"curve_sizes_{dataset}", "persist_state": "session", "help": text}
            sizes = st.text_input("Training texts", ", ".join([*fewer, "all"]), **options)
        with right:
            text = "From so many texts on only the first seed runs, as large samples differ little and cost "
            text += "most. Empty: never."
            options = {"key": "curve_one_seed_from", "persist_state": "session", "help": text}
            one_seed_from = st.text_input("One seed from", placeholder="texts", **options)
    else:
        with middle:
            text = "Passes over the training texts, the same for all modes."
            default = form.mode_defaults("gradual")["epochs"]
            key = f"compare_epochs_{default}"  # another default, on other texts, is another input
            epochs = number_input("Epochs", 1, 1000, default, key=key, help=text)
        with right:
            form.limit_input()
        examples = "\n".join(datasets.find_spec(dataset).examples)
        text = "One per line. Every model answers them as it trains: watch them change their minds."
        options = {"key": f"compare_watch_{dataset}", "persist_state": "session", "help": text}
        watch = st.text_area("Watched sentences", examples, height=110, **options)
    text = "TF-IDF with logistic regression, a linear probe, the majority class: on the same texts."
    options = {"key": "compare_references", "persist_state": "session", "help": text}
    references = st.toggle("Reference lines", True, **options)
    keys = {mode: f"compare_rate_{mode}{'_encoder' if form.encoder() else ''}" for mode in modes}
    rates = {mode: form.mode_defaults(mode)["learning_rate"] for mode in modes}
    more = st.expander("More settings", key="compare_more", on_change="rerun")
    if more.open:  # half of the page's inputs
        with more:
            with st.grid(2, min_column_width=180, gap="medium") as grid:
                for mode in modes:
                    with grid.cell():
                        label = f"{mode_title(mode)}: learning rate"
                        options = {"step": None, "format": "%g", "key": keys[mode]}
                        number_input(label, 1e-6, 10.0, rates[mode], **options)
            st.page_link("train.py", label="Find a rate for a mode", icon=":material/troubleshoot:")
            with st.grid(2, min_column_width=180, gap="medium") as grid:
                for name in SHARED_MORE[kind]:
                    with grid.cell():
                        form.setting_input(name, explain=True)
    rates |= {mode: st.session_state[key] for mode, key in keys.items() if key in st.session_state}


def planned() -> list[FineTuneConfig]:
    """The runs of the experiment that the form describes."""
    from ftcore.experiments import plan  # imports MLflow
    from ftcore.experiments.learning_curve import plan as curve_plan

    names = (*SHARED, *SHARED_MORE[kind])
    settings = {name: st.session_state[form.key(name)] for name in names} | {"groups": groups}
    if is_curve:
        numbers = curve_plan.parse_sizes(sizes)
        alone = curve_plan.parse_size(one_seed_from) if one_seed_from.strip() else None
        arguments = settings, modes, numbers, range(seeds), references, alone, rates
        return curve_plan.plan(*arguments)
    settings |= {"limit": st.session_state[form.key("limit")], "epochs": epochs, "watch": watch}
    return plan.plan(settings, modes, range(seeds), rates, references)


@st.cache_resource(ttl=3, show_spinner=False)  # they are only read, and copies take 10 ms
def recorded(home: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs and experiments in the record of this home."""
    from ftcore import tracking
    from ftcore.experiments import catalog

    return tracking.runs(), catalog.experiments()


with summary.container(border=True):
    enough = len(modes) >= LEAST_MODES[kind]
    if not enough:
        st.info("Choose a mode." if is_curve else "Choose two modes or more.")
    time_needed = st.empty()
    visitor.name_input()
    style = {"type": "primary", "icon": ":material/play_arrow:", "width": "stretch"}
    if st.button("Run the experiment", disabled=not enough, **style):
        with show_errors(), st.spinner("Starting …"):
            from ftcore.experiments import plan

            started = datetime.now()
            what = "how many labels" if is_curve else f"{len(modes)} modes"
            title = f"{datasets.title(dataset)} · {what} · {started:%d %b %H:%M}"
            st.query_params["experiment"] = plan.submit(planned(), title, visitor.name())
            st.rerun()


st.space("small")
st.subheader("Earlier experiments", anchor=False)
listed = st.empty()
warm_imports.wait_until_loaded(lambda: [slot.skeleton(height=80) for slot in (time_needed, listed)])
time_needed.empty()
try:
    runs, experiments = recorded(str(paths.home()))
except UnfreezeError as error:
    listed.error(escape_markdown(str(error)))
    st.stop()
if enough:
    with suppress(UnfreezeError), time_needed.container():  # shown when the experiment is started
        configs = planned()
        seconds = sum(estimate.seconds(config, runs) for config in configs)
        lines = sum(config.mode in REFERENCES for config in configs)
        of_them = f", {lines} of them for reference lines" if lines else ""
        st.markdown(f"**{len(configs)} runs**{of_them}. One at a time, so that the clock is fair.")
        st.caption(f"About {formatting.rough_duration(seconds)} on this machine")
if experiments.empty:
    listed.caption("None yet.")
else:
    with listed.container():
        for row in experiments.itertuples():
            with st.container(horizontal=True, vertical_alignment="center"):
                # A link to this same page would not change its address.
                name, icon = escape_markdown(row.name), ICONS[row.kind]
                if st.button(name, key=f"open_{row.experiment}", icon=icon, type="tertiary"):
                    st.query_params["experiment"] = row.experiment
                    st.rerun()
                st.badge(row.status.capitalize(), color=BADGES.get(row.status, "gray"))
                st.caption(f"{row.finished} of {row.runs} runs finished")
if not offered:
    wait_for_offer(checkpoints.values())
