"""The table of all runs, in which rows are selected, and the dialogs that rename or delete runs."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from ftcore import formatting, tracking
from ftcore.colours import model_colour
from ftcore.modes import mode_title
from ftcore.runs.scheduler import scheduler
from pages.components.charts.palette import BADGES
from pages.components.forms.checkpoint_picker import facts_of_runs
from pages.components.forms.delete_buttons import delete_buttons
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_markdown

IMPORTED = "imported"
"""Stands beside the status of a run that came in a package."""


def run_list(runs: pd.DataFrame, chosen: list[str]) -> None:
    """Draw the runs with `chosen` selected; rerun the page when the selection or a status changes.

    The selection is written to the address, as `runs`.
    """
    live = runs["status"].isin(["queued", "running"]).any()
    st.fragment(_draw, run_every="2s" if live else None)(states(runs), chosen)


def disk_use(states: list[tuple[str, str]]) -> list[int]:
    """Bytes of each run, by its id and status; measured each minute, and when its status changes."""
    sizes = _sizes()
    new = [state for state in states if state not in sizes]
    if new:
        measured = tracking.disk_use(run_id for run_id, _ in new)
        sizes.update(((run_id, status), measured[run_id]) for run_id, status in new)
    return [sizes[state] for state in states]


@st.cache_resource(ttl=60, show_spinner=False)
def _sizes() -> dict[tuple[str, str], int]:
    return {}


@st.cache_data(ttl=0.9, max_entries=50, show_spinner=False)
def read_runs(run_ids: tuple[str, ...]) -> list[tracking.Run]:
    """The runs of these ids, cached for parts of the page that need the same ones."""
    return tracking.find_runs(run_ids)


def states(runs: pd.DataFrame) -> list[tuple[str, str]]:
    """The id and status of each run."""
    return list(zip(runs["run_id"], runs["status"], strict=True))


def _draw(drawn: list[tuple[str, str]], chosen: list[str]) -> None:
    runs = tracking.runs()
    if states(runs) != drawn:
        st.rerun()
    run_ids = list(runs["run_id"])
    modes = {mode_title(mode): model_colour(mode) for mode in sorted(set(runs["mode"]))}
    columns, percent = st.column_config, {"format": "%.1f%%", "width": 90}
    width = 160 if runs["imported"].any() else 100  # of one badge, or of two
    best_or_latest = "The best of a run that ended, the latest of a live one."
    state = st.dataframe(
        _table(runs),
        # Rows are selected by position, so a list in another order is another table.
        key=f"runs-{hash(tuple(run_ids))}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [run_ids.index(run_id) for run_id in chosen]}},
        hide_index=True,
        placeholder="",
        alt="Runs, newest first",
        column_config={
            "Name": columns.TextColumn(width=180, pinned=True),
            "Status": columns.MultiselectColumn(
                options=[*BADGES, IMPORTED], color=[*BADGES.values(), "gray"], width=width
            ),
            "Mode": columns.MultiselectColumn(options=[*modes], color=[*modes.values()], width=110),
            "Validation": columns.NumberColumn(**percent, help=best_or_latest),
            "Test": columns.NumberColumn(**percent),
            "Started": columns.DatetimeColumn(format="distance"),
        },
    )
    rows = state["selection"]["rows"]
    selected = [run_ids[row] for row in sorted(rows) if row < len(run_ids)]
    if set(selected) != set(chosen):
        st.query_params["runs"] = ",".join(selected)
        st.rerun()


def _table(runs: pd.DataFrame) -> pd.DataFrame:
    seconds = runs["seconds"].astype(float)
    return pd.DataFrame(
        {
            "Name": runs["name"],
            "Status": [
                [status, *[IMPORTED] * bool(imported)]
                for status, imported in zip(runs["status"], runs["imported"], strict=True)
            ],
            "Mode": [[mode_title(mode)] for mode in runs["mode"]],
            "Validation": runs["val_accuracy"].astype(float) * 100,
            "Test": runs["test_accuracy"].astype(float) * 100,
            "Time": [formatting.duration(time) if time > 0 else "" for time in seconds],
            "Data": runs["dataset"],
            "Texts": [formatting.count(limit) if limit else "all" for limit in runs["limit"]],
            "From": runs["checkpoint"],
            "Disk": list(map(formatting.size, disk_use(states(runs)))),
            "Started": runs["started"],
            "Experiment": runs["experiment_name"],
        }
    )


@st.dialog("Rename")
def rename_dialog(run_id: str, name: str) -> None:
    """Ask for a new name of the run."""
    with st.form("rename", border=False):
        new_name = st.text_input("Name", name, max_chars=100)
        if st.form_submit_button("Rename", type="primary"):
            with show_errors():
                tracking.rename(run_id, new_name)
                _forget_cached_runs()
                st.rerun()


@st.dialog("Delete for good?")
def delete_dialog(names: Mapping[str, str]) -> None:
    """Ask before the runs, their names by run id, are deleted."""
    st.markdown("\n".join(f"- {escape_markdown(name)}" for name in names.values()))
    size = formatting.size(sum(tracking.disk_use(names).values()))
    st.caption(f"Curves, figures and fine-tuned models are deleted: {size}.")

    def delete() -> None:
        scheduler.delete(*names)
        st.query_params.pop("runs", None)
        _forget_cached_runs()

    delete_buttons(lambda: tracking.run_dependents(*names), delete)


def _forget_cached_runs() -> None:
    facts_of_runs.clear()
    read_runs.clear()
