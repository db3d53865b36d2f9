"""Changes of a dataset of one's own: texts of a finding left out, classes renamed, merged or dropped."""

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from ftcore.data.store.card import PARTS, Card
from ftcore.data.store.editing import DROPPABLE
from ftcore.formatting import count
from pages.components.forms.task_progress import run_task
from pages.components.text.sentences import show_errors

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator


def action_button(card: Card, finding: dict[str, Any], progress: "DeltaGenerator") -> None:
    """Draw the button that does what a finding advises, if it can be done here.

    progress: where a bar shows how far it is.
    """
    kind = finding["kind"]
    if finding["action"] == "merge-labels":
        if st.button("Edit classes", key=f"act_{kind}", icon=":material/edit:"):
            edit_classes(card)
    elif finding["action"] and kind in DROPPABLE:
        help = (
            "Stores the data without these texts. The file that it was added from stays as it is."
        )
        if st.button("Leave out", key=f"act_{kind}", icon=":material/filter_list:", help=help):
            with progress:
                _apply(card, leave_out=[kind])


@st.dialog("Classes", width="large")
def edit_classes(card: Card) -> None:
    """Draw a table in which classes get other names, or are dropped; two of one name are merged."""
    st.caption("Give two classes the same name to merge them.")
    table = pd.DataFrame(
        {
            "Class": card.labels,
            "Texts": [sum(card.counts[part][label] for part in PARTS) for label in card.labels],
            "Name": card.labels,
            "Drop": False,
        }
    )
    edited = st.data_editor(
        table,
        hide_index=True,
        disabled=["Class", "Texts"],
        key=f"classes_{card.fingerprint}",
        column_config={"Name": st.column_config.TextColumn("Name", required=True)},
        height=36 * (1 + min(len(table), 14)),
        alt="Classes, their texts, and their names",
    )
    rows = list(zip(edited["Class"], edited["Name"], edited["Drop"], strict=True))
    renamed = {old: new.strip() for old, new, drop in rows if new.strip() != old and not drop}
    dropped = [label for label, _, drop in rows if drop]
    left = {renamed.get(label, label) for label, _, drop in rows if not drop}
    st.markdown(f"{count(len(card.labels))} classes now, {count(len(left))} then.")
    changes = {"rename_labels": renamed, "drop_labels": dropped}
    if st.button("Apply", type="primary", key="apply_classes") and (renamed or dropped):
        _apply(card, **changes)


def _apply(card: Card, **changes: Any) -> None:
    """Store the changed data, and draw the page again."""
    with show_errors():
        with st.spinner("Starting …"):
            from ftcore import tracking  # imports MLflow
        run_task(tracking.edit_dataset(card.name, **changes))
        st.rerun()
