"""What a run answers in each class of the test."""

import pandas as pd
import streamlit as st

from ftcore.diagnostics.results import Diagnostics
from ftcore.tracking import Run

MOST_ROWS = 14  # visible at once; more of them scroll


def class_table(run: Run) -> None:
    """Draw F1, precision, recall and texts of each class, lowest F1 first; nothing without answers."""
    table = _table(run.run_id, run.revision)
    if table is None:
        return
    columns = {
        "label": "Class",
        "support": st.column_config.NumberColumn("Texts", format="localized"),
    }
    for name in ("precision", "recall", "f1"):
        columns[name] = st.column_config.ProgressColumn(
            name.capitalize(), format="%.1f%%", min_value=0, max_value=100
        )
    with st.expander(f"Each of the {len(table)} classes", icon=":material/category:"):
        st.dataframe(
            table,
            hide_index=True,
            height=36 * (1 + min(len(table), MOST_ROWS)),
            column_config=columns,
            alt="Precision, recall and F1 of each class on the test texts",
        )
        st.caption("On the test texts. Click a column to sort by it.")


@st.cache_data(max_entries=50, show_spinner=False)
def _table(run_id: str, revision: str) -> pd.DataFrame | None:
    answers = Diagnostics.of_run(run_id)
    if answers is None or not len(answers.truth):
        return None
    table = pd.DataFrame(answers.by_class.by_label(answers.labels))
    shares = ["f1", "precision", "recall"]
    table = table.assign(**100 * table[shares], empty=table["support"] == 0)
    return table.sort_values(["empty", "f1"], kind="stable")[["label", *shares, "support"]]
