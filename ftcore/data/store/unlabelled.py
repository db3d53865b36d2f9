"""Texts without a label in data that is added: which of them are stored, and what is said of them."""

import numpy as np

from ftcore.data.findings import copies
from ftcore.data.store.collection import Collected, Report
from ftcore.data.store.labelled import Labelled
from ftcore.formatting import count
from ftcore.validation import printable


def without_copies(
    texts: Labelled, keys: np.ndarray, report: Report
) -> tuple[Labelled, np.ndarray]:
    """Leave out texts without a label that are copies of one that has one, or of an earlier one without.

    keys: those of `copies.keys`. So nobody is asked for a label that there is.
    """
    labelled = texts.labelled()
    if labelled.all():
        return texts, keys
    known = ~labelled & np.isin(keys, keys[labelled])
    again = np.zeros(len(texts), bool)
    rest = np.flatnonzero(~labelled & ~known)
    again[rest] = copies.originals(keys[rest], texts.parts[rest]) != np.arange(len(rest))
    report.leave_out("copy of a labelled text", known.sum())
    report.leave_out("copy of another text without a label", again.sum())
    if known.any():
        number = int(known.sum())
        were = "texts without a label were left out: each is a copy"
        were = (
            "1 text without a label was left out: it is a copy"
            if number == 1
            else f"{count(number)} {were}"
        )
        report.notes.append(f"{were} of a labelled text, apart from case and spaces.")
    kept = ~(known | again)
    return texts.filter(kept), keys[kept]


def describe(texts: Labelled, collected: Collected) -> list[str]:
    """The sentence on how many texts have no label, and why; none if all have one."""
    number, column = int((~texts.labelled()).sum()), collected.columns.label
    if not number:
        return []
    if not texts.classes:
        why = {
            None: "No column of labels was wanted",
            "": "No column of labels was found (name it: --label)",
        }.get(column, f"The column {printable(repr(column))} has no labels")
        return [
            f"{why}, so all {count(number)} texts are kept out of training until they get one (on the page "
            "Label)."
        ]
    have, are, they = (
        ("has", "It is", "it gets") if number == 1 else ("have", "They are", "they get")
    )
    return [
        f"{count(number)} of {count(len(texts))} texts {have} no label. {are} kept out of training until "
        f"{they} one (on the page Label)."
    ]
