"""What is found in texts that are added, as a card keeps it, and which texts leave because of it."""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from ftcore import validation
from ftcore.data.findings import classes, copies, examination
from ftcore.data.findings.finding import Finding, LabelledTexts
from ftcore.data.store.card import PART_NAMES
from ftcore.data.store.collection import Report
from ftcore.data.store.labelled import Labelled
from ftcore.events import Task

_LISTED = 100  # texts of a finding that a card lists


def without_copies(
    texts: Labelled, keys: np.ndarray, report: Report, leave_out: Collection[str] = ()
) -> tuple[Labelled, np.ndarray]:
    """Leave out training texts that have a copy in another part, and report texts under two labels.

    `keys` are those of `copies.keys`. Texts under two labels leave, too, if `leave_out` has their kind.
    """
    originals = copies.originals(keys, texts.parts)
    across = copies.across_split(originals, texts.parts)
    two_labels = copies.two_labels(originals, texts.label_numbers())
    leave = set[int]()
    for finding, reason in (
        (across, "copy across the split"),
        (two_labels, "text under two labels"),
    ):
        if not finding:
            continue
        asked = finding.kind in leave_out
        if asked or finding is across:
            report.leave_out(reason, len(leave.union(finding.rows)) - len(leave))
            leave.update(finding.rows)
        if not asked:
            report.findings.append(_listed(finding, texts))
    kept = _all_but(leave, texts)
    return texts.filter(kept), keys[kept]


def examine(
    texts: Labelled,
    keys: np.ndarray,
    drop_near_duplicates: bool,
    report: Report,
    leave_out: Collection[str] = (),
) -> Task[Labelled]:
    """Report what is found in the texts; near duplicates and copies inside training leave if asked to.

    leave_out: kinds of findings whose texts leave, too, and which are not reported.
    """
    data = LabelledTexts(texts.texts, texts.label_numbers(), texts.parts)
    found = yield from examination.examine(data, keys, drop_near_duplicates)
    report.findings += [_listed(each, texts) for each in found if each.kind not in leave_out]
    dropped = (*leave_out, *(examination.DROPPED if drop_near_duplicates else ()))
    leave = {row for each in found if each.kind in dropped for row in each.rows}
    report.leave_out("near duplicate", len(leave))
    texts = texts.filter(_all_but(leave, texts))
    few = classes.few_examples(texts.counts()["train"])
    empty = classes.empty_texts(report.left_out.get("empty text", 0))
    report.findings += [_listed(finding, texts) for finding in (few, empty) if finding]
    return texts


def _all_but(rows: Iterable[int], texts: Labelled) -> np.ndarray:
    kept = np.ones(len(texts), bool)
    kept[list(rows)] = False
    return kept


def _listed(finding: Finding, texts: Labelled) -> dict[str, Any]:
    """Return a finding for a card, with the first of its texts and what they are like."""
    rows = [_place(row, texts) for row in finding.rows[:_LISTED]]
    likes = [_place(row, texts) for row in finding.like[:_LISTED]] or [{}] * len(rows)
    return {
        "kind": finding.kind,
        "sentence": finding.sentence,
        "count": finding.count,
        "action": finding.action,
        "texts": [
            row | {f"like_{name}": value for name, value in like.items()}
            for row, like in zip(rows, likes, strict=True)
        ],
    }


def _place(row: int, texts: Labelled) -> dict[str, Any]:
    """Where a text stands in its file, and its beginning."""
    return {
        "row": int(texts.rows[row]),
        "part": PART_NAMES[int(texts.parts[row])],
        "text": validation.printable(" ".join(texts.texts[row].as_py().split())),
    }
