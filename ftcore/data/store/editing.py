"""Changes stored data on request: classes are renamed, merged or dropped, texts of findings left out."""

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from ftcore.data.findings import copies
from ftcore.data.store import examined, labelled, locks, stored, storing, versions, writing
from ftcore.data.store.card import NUMBERS, Card
from ftcore.data.store.collection import Collected, Report
from ftcore.data.store.labelled import Labelled
from ftcore.data.store.mapping import Columns
from ftcore.data.store.request import Request
from ftcore.errors import UsageError
from ftcore.events import Progress, Task
from ftcore.formatting import listing
from ftcore.validation import printable

DROPPABLE = (
    "copies-in-training",
    "near-duplicates-across-split",
    "near-duplicates-in-training",
    "two-labels",
)
"""Kinds of findings whose texts can be left out."""
_AT_ADDING = ("copies-across-split",)  # kinds of findings that are not looked for again


def edit(
    card: Card,
    rename_labels: Mapping[str, str] | None = None,
    drop_labels: Collection[str] = (),
    leave_out: Collection[str] = (),
) -> Task[Card]:
    """Store the changed texts in place of the others, and return their card. Raises UnfreezeError.

    The texts are those of the newest version. Their labels are stored with their origin, and a new journal
    begins.

    rename_labels: new name by label; the name of another label merges the two.
    drop_labels: labels whose texts are left out.
    leave_out: kinds of findings, of DROPPABLE, whose texts are left out.
    """
    renamed = dict(rename_labels or {})
    if unknown := set(leave_out) - set(DROPPABLE):
        raise UsageError(
            f"{listing(sorted(unknown))} cannot be left out: name {listing(DROPPABLE)}."
        )
    with locks.locked(card.name):
        return (yield from _edit(versions.at(card), renamed, drop_labels, leave_out))


def _edit(
    card: Card, renamed: Mapping[str, str], drop_labels: Collection[str], leave_out: Collection[str]
) -> Task[Card]:
    report = Report(list(card.notes), dict(card.left_out))
    report.findings = [each for each in card.findings if each["kind"] in _AT_ADDING]
    texts = yield from _labelled(card, renamed, tuple(drop_labels), report)
    keys = yield from copies.keys(texts.texts)
    texts, keys = examined.without_copies(texts, keys, report, leave_out)
    texts = yield from examined.examine(texts, keys, False, report, leave_out)
    storing.check_training(texts)
    if renamed:
        pairs = [f"{printable(old)} to {printable(new)}" for old, new in renamed.items()]
        report.notes.append(f"Renamed on request: {listing(pairs)}.")
    if drop_labels:
        dropped = listing([printable(label) for label in drop_labels])
        report.notes.append(f"Dropped on request: {dropped}.")
    changed = replace(
        card,
        labels=texts.classes,
        counts=texts.counts(),
        sizes=texts.sizes(),
        unlabelled=texts.waiting(),
        version=0,
        original_fingerprint="",
        multi_label=texts.multi_label,
        mean_tokens=storing.mean_tokens(texts),
        examples=storing.examples(texts),
        left_out=report.left_out,
        notes=tuple(report.notes),
        findings=tuple(report.findings),
    )
    return (yield from writing.rewrite(changed, texts))


def _labelled(
    card: Card, renamed: Mapping[str, str], dropped: tuple[str, ...], report: Report
) -> Task[Labelled]:
    """Read the texts of a version with the classes that are left."""
    has_groups = bool(card.mapping.get("group"))
    names = ["text", "label", "split", "row", *(["group"] if has_groups else [])]
    collected = Collected(Columns(("text",), "label"), card.multi_label, report)
    collected.classes = card.labels
    done, total = 0, card.stored
    for batch in stored.batches(card, names):
        collected.texts.append(batch["text"])
        collected.labels.append(batch["label"])
        parts = [NUMBERS[part] for part in batch["split"].to_pylist()]
        collected.parts.append(np.array(parts, np.uint8))
        collected.rows.append(batch["row"].to_numpy())
        if has_groups:
            collected.groups.append(batch["group"])
        collected.origins.append(batch["label_origin"])
        done += len(batch)
        yield Progress("reading", done, total, "texts")
    # The labels are classes already, some of which a user may have wanted to differ by case only.
    request = Request(card.name, "", keep_labels=True, rename_labels=renamed, drop_labels=dropped)
    return labelled.classify(collected, request)
