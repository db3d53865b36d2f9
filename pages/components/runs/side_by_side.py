"""Figures and settings of several runs, a column each."""

import pandas as pd
import streamlit as st

from ftcore.config import label, meant
from ftcore.experiments import comparison
from ftcore.tracking import Run
from pages.components.runs.overlay import is_line, labels
from pages.components.text import formatting
from pages.components.text.escaping import plain


def side_by_side(runs: list[Run], key: str) -> None:
    """Draw the table; of several runs, what differs alone, until all is asked for."""
    table = pd.DataFrame([figures(run) for run in runs], labels(runs)).T
    if len(runs) == 1:
        st.subheader("Figures and settings", anchor=False)
    else:
        with st.container(
            horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
        ):
            st.subheader("Side by side", anchor=False)
            if st.toggle("Differences only", True, key=key, persist_state="session"):
                # A reference has few settings; that it lacks one is no difference.
                networks = table.loc[:, [not is_line(run) for run in runs]]
                table = table[
                    (table.nunique(axis=1) > 1) | (networks.nunique(axis=1, dropna=False) > 1)
                ]
    st.dataframe(
        table,
        height="content",
        placeholder=formatting.NONE,
        alt="Figures and settings of these runs",
    )


def unfair(runs: list[Run]) -> None:
    """Say what the runs differ in that a fair comparison has in common."""
    told = [
        f"{name} ({', '.join(values) if name != 'seed' else '; '.join(values)})"
        for name, values in comparison.differences(runs).items()
    ]
    if told:
        st.warning(
            f"Not a fair race. What differs: {plain(', '.join(told))}.", icon=":material/balance:"
        )


def figures(run: Run) -> dict[str, str]:
    """What came out, then what went in, as text; what is not known is left out."""
    out, facts = run.metrics, run.facts
    found: dict[str, str | None] = {
        "Status": run.status,
        "Message": run.message if run.status != "finished" else None,
        "Validation accuracy": formatting.percent(out.get("val_accuracy")),
        "Test accuracy": formatting.percent(out.get("test_accuracy")),
        "Best at step": counted(out.get("best_step")),
        "Time": formatting.duration(out.get("seconds")),
        "Training time": formatting.duration(out.get("train_seconds")),
        "Text vectors": formatting.features(out),
        "Texts a second": counted(out.get("reviews_per_second")),
        "Trainable parameters": counted(facts.get("trainable_parameters")),
        "Device": facts.get("device"),
    }
    for setting in meant(run.config):
        if setting.name not in ("name", "device"):
            found[label(setting)] = str(getattr(run.config, setting.name))
    if not run.config.limit:
        found["Training texts"] = "all"
    return {name: value for name, value in found.items() if value}


def counted(number: float | None) -> str | None:
    """A number for a person, None where there is none or it is 0."""
    return formatting.count(number) if number else None
