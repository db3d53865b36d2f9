"""Runs: the list, the curves of the chosen ones on the same axes, and what they differ in.

The chosen runs stand in the address, as `?runs=`.
"""

from dataclasses import replace

import pandas as pd
import streamlit as st

from ftcore import formatting
from ftcore.errors import UnfreezeError
from ftcore.models.checkpoints import list_checkpoints
from ftcore.modes import REFERENCES
from pages.components.shell import visitor
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_markdown

MAX_DRAWN = 8  # runs on one chart

st.title("Runs", anchor=False)
list_slot = st.empty()
list_slot.skeleton(height=240)

# The page above is painted before MLflow is imported.
try:
    from ftcore import tracking
    from pages.components.charts import run_curves
    from pages.components.charts.live_chart import axis_input, live_charts, metrics_of, pack
    from pages.components.runs import run_list
    from pages.components.runs.queue_panel import queue_panel
    from pages.components.runs.side_by_side import run_table, warn_if_unfair

    runs = tracking.runs()
except UnfreezeError as error:
    list_slot.error(escape_markdown(str(error)))
    st.stop()
if runs.empty:
    with list_slot.container():
        st.info("No runs yet. The first one takes about a minute on the built-in sample.")
        if st.button("Start a first run", type="primary", icon=":material/play_arrow:"):
            st.switch_page("train.py")
    st.stop()


def default_choice() -> list[str]:
    """The newest run with a curve, and the newest of another mode on the same texts."""
    curved = runs[runs["val_accuracy"].notna() & ~runs["mode"].isin(REFERENCES)]
    comparable = curved[same_values(curved, curved.head(1).squeeze(), ["dataset", "limit"])]
    return list(comparable.drop_duplicates("mode")["run_id"][:2])


def same_values(rows: pd.DataFrame, values: pd.Series, columns: list[str]) -> pd.Series:
    """Whether each row has these values in the columns."""
    return (rows[columns] == values[columns]).all(axis=1)


def add_reference_lines(run_id: str) -> list[str]:
    """Run ids of the reference lines for the texts of a run; missing ones are queued."""
    from ftcore.runs.scheduler import scheduler

    config = tracking.run(run_id).config
    usable = runs[runs["status"].isin(["queued", "running", "finished"])]
    columns = [
        "dataset",
        "limit",
        "seed",
        "mode",
        "class_weights",
        "checkpoint",
    ]  # without one if not a linear probe
    run_ids = []
    for mode in REFERENCES:
        if mode != "linear-probe" or config.checkpoint in saved:
            wanted = replace(config, mode=mode, name="")
            same = usable[same_values(usable, pd.Series(wanted.to_dict()), columns)]["run_id"]
            run_ids.append(
                scheduler.submit(wanted, person=visitor.name()) if same.empty else same.iloc[-1]
            )
    return run_ids


if "runs" in st.query_params:
    listed = dict.fromkeys(st.query_params["runs"].split(","))  # without duplicates
    chosen = [run_id for run_id in listed if run_id in set(runs["run_id"])]
else:
    chosen = default_choice()

with list_slot.container():
    queue_panel()
    run_list.run_list(runs, chosen)

names = dict(zip(runs["run_id"], runs["name"], strict=True))
saved = {checkpoint.ref for checkpoint in list_checkpoints()}
with_model = [run_id for run_id in chosen if run_id in saved]  # a run in training may have one
with st.container(horizontal=True, vertical_alignment="center"):
    one, few = len(chosen) == 1, len(chosen) < 2
    one_run = {"disabled": not one, "help": None if one else "Select one run."}
    several = {"disabled": few, "help": "Select two runs or more." if few else None}
    if st.button("Open", icon=":material/show_chart:", **one_run):
        st.switch_page("train.py", query_params={"run": chosen[0]})
    if st.button("Compare", icon=":material/compare_arrows:", **several):
        st.switch_page("compare.py", query_params={"runs": ",".join(chosen)})
    if st.button("Predict", icon=":material/chat:", disabled=not with_model):
        st.switch_page("predict.py", query_params={"models": ",".join(with_model)})
    baselines = "TF-IDF with logistic regression, a linear probe, the majority class"
    options = {"icon": ":material/horizontal_rule:", "help": f"{baselines}: on the same texts."}
    if st.button("Reference lines", disabled=not chosen, **options):
        with show_errors():
            added = add_reference_lines(chosen[0])
            st.query_params["runs"] = ",".join(dict.fromkeys([*chosen, *added]))
            st.rerun()
    if st.button("Rename", icon=":material/edit:", **one_run):
        run_list.rename_dialog(chosen[0], names[chosen[0]])
    if st.button("Delete", icon=":material/delete:", disabled=not chosen):
        run_list.delete_dialog({run_id: names[run_id] for run_id in chosen})
    used = sum(run_list.disk_use(run_list.states(runs)))
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    st.caption(f"{count}, {formatting.size(used)}")

if not chosen:
    st.info("Select runs in the table, and their curves are drawn here.")
    st.stop()
if len(chosen) > MAX_DRAWN:
    st.info(f"Only the first {MAX_DRAWN} of {len(chosen)} are drawn.")

drawn_ids = tuple(chosen[:MAX_DRAWN])
drawn_runs = run_list.read_runs(drawn_ids)
if not drawn_runs:
    st.info("These runs cannot be drawn; select others.")
    st.stop()
st.space("small")
axis = axis_input("runs_axis", persist_state="session")


@st.fragment(run_every="2s" if any(run.live for run in drawn_runs) else None)
def charts() -> None:
    """Draw the curves, again and again while a run is live."""
    runs = run_list.read_runs(drawn_ids)
    curves = pack(run_curves.by_run(runs), axis, ",".join(drawn_ids), metrics_of(runs))
    live_charts(curves, key="runs_charts")


charts()
warn_if_unfair(drawn_runs)
st.space("small")
run_table(drawn_runs, key="runs_differences")
