"""Figures and settings of several runs, one column per run."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from ftcore import formatting
from ftcore.experiments import grouping
from ftcore.formatting import accuracy
from ftcore.relevance import shown_values
from ftcore.tracking import Run
from pages.components.charts.measures import several_labels
from pages.components.charts.run_curves import is_reference, labels
from pages.components.text.escaping import escape_markdown
from pages.components.text.labels import accuracy_title, feature_time


def run_table(runs: Sequence[Run], key: str) -> None:
    """Draw the table; for several runs only the rows that differ, unless the user asks for all."""
    table = pd.DataFrame([run_facts(run) for run in runs], labels(runs)).T
    if len(runs) == 1:
        st.subheader("Figures and settings", anchor=False)
    else:
        alignment = {"horizontal_alignment": "distribute", "vertical_alignment": "center"}
        with st.container(horizontal=True, **alignment):
            st.subheader("Side by side", anchor=False)
            if st.toggle("Differences only", True, key=key, persist_state="session"):
                # References have few settings; one that a reference lacks is no difference.
                networks = table.loc[:, [not is_reference(run) for run in runs]]
                differs = networks.nunique(axis=1, dropna=False) > 1
                table = table[(table.nunique(axis=1) > 1) | differs]
    alt = "Figures and settings of these runs"
    st.dataframe(table, height="content", placeholder=formatting.MISSING, alt=alt)


def warn_if_unfair(runs: Sequence[Run]) -> None:
    """Warn about differences, such as another split, that make the comparison unfair."""
    if differences := grouping.unfair_differences(runs):
        text = escape_markdown(grouping.warning(differences))
        st.warning(text, icon=":material/balance:")


def run_facts(run: Run) -> dict[str, str]:
    """Results of a run, then its settings, as text; unknown values are left out."""
    metrics, facts = run.metrics, run.facts
    right = accuracy_title(several_labels(run)).lower()
    rows: dict[str, str | None] = {
        "Status": run.status,
        "Message": run.message if run.status != "finished" else None,
        f"Validation {right}": accuracy(metrics.get("val_accuracy"), facts.get("val_texts")),
        f"Test {right}": accuracy(metrics.get("test_accuracy"), facts.get("test_texts")),
        "Test macro F1": formatting.percent(metrics["macro_f1"]) if "macro_f1" in metrics else None,
        "Test micro F1": formatting.percent(metrics["micro_f1"]) if "micro_f1" in metrics else None,
        "Best at step": _count(metrics.get("best_step")),
        "Time": formatting.duration(metrics.get("seconds")),
        "Training time": formatting.duration(metrics.get("train_seconds")),
        "Text vectors": feature_time(metrics),
        "Texts a second": _count(metrics.get("reviews_per_second")),
        "Trainable parameters": _count(facts.get("trainable_parameters")),
        "Device": facts.get("device"),
        "Hardware": facts.get("hardware"),
        "Worker": run.worker if facts else None,
        "Threads": facts.get("threads"),
    }
    rows |= shown_values(run.config, without=("name", "device"))
    return {name: value for name, value in rows.items() if value}


def _count(number: float | None) -> str | None:
    return formatting.count(number) if number else None
