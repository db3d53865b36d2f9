"""The runs: their state, any of them overlaid, and what they differ in."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from ftcore import formatting
from ftcore.config import REFERENCES, mode_title
from ftcore.errors import UnfreezeError
from ftcore.models.checkpoints import list_checkpoints
from pages.components.charts.palette import BADGES, model_colour
from pages.components.forms.checkpoint_picker import run_names_and_states
from pages.components.text.escaping import escape_markdown

MOST = 8  # runs on one chart

st.title("Runs", anchor=False)
waiting = st.empty()
waiting.skeleton(height=240)

# Painted before the record of runs, and with it MLflow, is imported.
try:
    from ftcore import tracking
    from pages.components.charts import run_curves
    from pages.components.charts.live_chart import AXES, live_charts, pack
    from pages.components.runs.queue_panel import queue_panel
    from pages.components.runs.side_by_side import run_table, warn_if_unfair

    runs = tracking.runs()
except UnfreezeError as error:
    waiting.error(str(error))
    st.stop()
if runs.empty:
    with waiting.container():
        st.info("No runs yet. The first one takes about a minute on the built-in sample.")
        if st.button("Start a first run", type="primary", icon=":material/play_arrow:"):
            st.switch_page("train.py")
    st.stop()

# What is chosen stands in ?runs=, so a refresh or a colleague finds the same.
if "runs" in st.query_params:
    asked = dict.fromkeys(st.query_params["runs"].split(","))  # each once
    chosen = [one for one in asked if one in set(runs["run_id"])]
else:
    # The newest, and another mode on the same texts beside it.
    curved = runs[runs["val_accuracy"].notna() & ~runs["mode"].isin(REFERENCES)]
    texts = ["dataset", "limit"]
    alike = curved[(curved[texts] == curved[texts].head(1).squeeze()).all(axis=1)]
    chosen = list(alike.drop_duplicates("mode")["run_id"][:2])


@st.cache_data(ttl=60, max_entries=2_000, show_spinner=False)
def disk_use(run_id: str, status: str) -> int:
    """Bytes of a run, counted anew when its state changes."""
    return tracking.disk_use(run_id)


@st.cache_data(ttl=0.9, max_entries=50, show_spinner=False)
def selected(run_ids: tuple[str, ...]) -> list[tracking.Run]:
    """The runs that are drawn; the table and the charts below it read them once."""
    return tracking.find_runs(run_ids)


@st.fragment(run_every="2s" if runs["status"].isin(["queued", "running"]).any() else None)
def table() -> None:
    """All runs; selected rows are chosen. A change of choice or state draws the whole page anew."""
    now = tracking.runs()
    ids = list(now["run_id"])
    if list(zip(ids, now["status"], strict=True)) != list(
        zip(runs["run_id"], runs["status"], strict=True)
    ):
        st.rerun()
    shown = pd.DataFrame(
        {
            "Name": now["name"],
            "Status": [[status] for status in now["status"]],
            "Mode": [[mode_title(mode)] for mode in now["mode"]],
            "Validation": now["val_accuracy"].astype(float) * 100,
            "Test": now["test_accuracy"].astype(float) * 100,
            "Time": [
                formatting.duration(s) if s == s and s else "" for s in now["seconds"].astype(float)
            ],
            "Data": now["dataset"],
            "Texts": [f"{limit:,}" if limit else "all" for limit in now["limit"]],
            "From": now["checkpoint"],
            "Disk": [
                formatting.size(disk_use(*run)) for run in zip(ids, now["status"], strict=True)
            ],
            "Started": now["started"],
            "Experiment": now["experiment_name"],
        }
    )
    modes = sorted(set(now["mode"]))
    percent = {"format": "%.1f%%", "width": 90}
    state = st.dataframe(
        shown,
        # Rows are chosen by position, so a list in another order is another table.
        key=f"runs-{hash(tuple(ids))}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [ids.index(one) for one in chosen]}},
        hide_index=True,
        placeholder="",
        alt="Runs, newest first",
        column_config={
            "Name": st.column_config.TextColumn(width=180, pinned=True),
            "Status": st.column_config.MultiselectColumn(
                options=list(BADGES), color=list(BADGES.values()), width=100
            ),
            "Mode": st.column_config.MultiselectColumn(
                options=[mode_title(mode) for mode in modes],
                color=[model_colour(mode) for mode in modes],
                width=110,
            ),
            "Validation": st.column_config.NumberColumn(
                **percent, help="The best of a run that ended, the latest of one that goes on."
            ),
            "Test": st.column_config.NumberColumn(**percent),
            "Started": st.column_config.DatetimeColumn(format="distance"),
        },
    )
    selected = [ids[row] for row in state["selection"]["rows"] if row < len(ids)]
    if set(selected) != set(chosen):
        st.query_params["runs"] = ",".join(one for one in ids if one in selected)
        st.rerun()


@st.dialog("Rename")
def ask_name(run_id: str, name: str) -> None:
    with st.form("rename", border=False):
        wanted = st.text_input("Name", name, max_chars=100)
        if st.form_submit_button("Rename", type="primary"):
            try:
                tracking.rename(run_id, wanted)
            except UnfreezeError as error:
                st.error(str(error))
            else:
                run_names_and_states.clear()
                selected.clear()
                st.rerun()


@st.dialog("Delete for good?")
def ask_delete(doomed: dict[str, str]) -> None:
    st.markdown("\n".join(f"- {escape_markdown(name)}" for name in doomed.values()))
    st.caption("Curves, figures and the fine-tuned model go.")
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", icon=":material/delete:"):
            try:
                for run_id in doomed:
                    tracking.delete(run_id)
            except UnfreezeError as error:
                st.error(str(error))
            else:
                st.query_params.pop("runs", None)
                run_names_and_states.clear()
                selected.clear()
                st.rerun()
        if st.button("Keep"):
            st.rerun()


def references(run_id: str) -> list[str]:
    """The runs of the reference lines for the texts of a run; those that are not there are queued."""
    from ftcore.runs.scheduler import scheduler

    config = tracking.run(run_id).config
    usable = runs[runs["status"].isin(["queued", "running", "finished"])]
    texts = ["dataset", "limit", "seed"]
    same = usable[(usable[texts] == [getattr(config, name) for name in texts]).all(axis=1)]
    there = dict(zip(same["mode"], same["run_id"], strict=True))
    if (same.loc[same["mode"] == "linear-probe", "checkpoint"] != config.checkpoint).all():
        there.pop("linear-probe", None)
    return [
        there.get(mode) or scheduler.submit(replace(config, mode=mode, name=""))
        for mode in REFERENCES
        if mode != "linear-probe" or config.checkpoint in saved
    ]


with waiting.container():
    queue_panel()
    table()

names = dict(zip(runs["run_id"], runs["name"], strict=True))
saved = {checkpoint.ref for checkpoint in list_checkpoints()}
answering = [one for one in chosen if one in saved]  # also those that still train
with st.container(horizontal=True, vertical_alignment="center"):
    one_only = {
        "disabled": len(chosen) != 1,
        "help": None if len(chosen) == 1 else "Select one run.",
    }
    if st.button("Open", icon=":material/show_chart:", **one_only):
        st.switch_page("train.py", query_params={"run": chosen[0]})
    if st.button(
        "Compare",
        icon=":material/compare_arrows:",
        disabled=len(chosen) < 2,
        help=None if len(chosen) > 1 else "Select two runs or more.",
    ):
        st.switch_page("compare.py", query_params={"runs": ",".join(chosen)})
    if st.button("Predict", icon=":material/chat:", disabled=not answering):
        st.switch_page("predict.py", query_params={"models": ",".join(answering)})
    if st.button(
        "Reference lines",
        icon=":material/horizontal_rule:",
        disabled=not chosen,
        help="TF-IDF with logistic regression, a linear probe, the majority class: on the same texts.",
    ):
        try:
            added = references(chosen[0])
        except UnfreezeError as error:
            st.error(escape_markdown(str(error)))
        else:
            st.query_params["runs"] = ",".join(dict.fromkeys([*chosen, *added]))
            st.rerun()
    if st.button("Rename", icon=":material/edit:", **one_only):
        ask_name(chosen[0], names[chosen[0]])
    if st.button("Delete", icon=":material/delete:", disabled=not chosen):
        ask_delete({run_id: names[run_id] for run_id in chosen})
    used = sum(disk_use(*run) for run in zip(runs["run_id"], runs["status"], strict=True))
    st.caption(f"{len(runs)} run{'s' * (len(runs) > 1)}, {formatting.size(used)}")

if not chosen:
    st.info("Select runs in the table, and their curves are drawn here.")
    st.stop()
if len(chosen) > MOST:
    st.info(f"Only the first {MOST} of {len(chosen)} are drawn.")

drawn = chosen[:MOST]
selected_runs = selected(tuple(drawn))
if not selected_runs:
    st.info("These runs cannot be drawn; select others.")
    st.stop()
st.space("small")
axis = st.segmented_control(
    "Axis",
    AXES,
    default="step",
    required=True,
    format_func=AXES.get,
    key="runs_axis",
    persist_state="session",
    label_visibility="collapsed",
)


@st.fragment(run_every="2s" if any(run.live for run in selected_runs) else None)
def charts() -> None:
    """Drawn again and again while one of them is live."""
    traces = run_curves.by_run(selected(tuple(drawn)))
    live_charts(pack(traces, axis, ",".join(drawn)), key="runs_charts")


charts()
warn_if_unfair(selected_runs)
st.space("small")
run_table(selected_runs, key="runs_differences")
