"""Adds a user's data: reads it, finds classes, draws parts, leaves out copies across them, writes it once."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ftcore.data import hub_datasets
from ftcore.data.findings import copies
from ftcore.data.store import card, collection, examined, labelled, splitting, unlabelled, writing
from ftcore.data.store.card import NUMBERS, Card
from ftcore.data.store.collection import Collected, Report
from ftcore.data.store.labelled import Labelled
from ftcore.data.store.request import Request
from ftcore.errors import UsageError
from ftcore.events import Task

_SAMPLE = 2_000  # texts whose tokens are counted
_TOKEN = re.compile(r"\w+|[^\w\s]")
_EXAMPLES, _EXAMPLE_LENGTH = 3, 160  # sentences to watch, and characters of one


def add(request: Request, reserved: Sequence[str] = ()) -> Task[Card]:
    """Store data and return its card. Raises UnfreezeError, and then nothing is stored.

    reserved: names that no stored dataset may have.
    """
    card.check_new(request.name, reserved)
    report = Report()
    collected = yield from collection.collect(request, report)
    if not collected.texts:
        raise UsageError("No row has a text: name another column (--text).")
    texts = labelled.classify(collected, request)
    keys = yield from copies.keys(texts.texts)
    texts, keys = unlabelled.without_copies(texts, keys, report)
    report.notes += unlabelled.describe(texts, collected)
    # Before validation texts are drawn: none of them may be a test text, too.
    texts, keys = examined.without_copies(texts, keys, report)
    texts = splitting.split(texts, keys, request.seed, report)
    texts = yield from examined.examine(texts, keys, request.drop_near_duplicates, report)
    check_training(texts)
    about = _card(request, collected, texts, report)
    return (yield from writing.write(about, texts, report.aside))


def check_training(texts: Labelled) -> None:
    """Raise UsageError if there is nothing to tell apart in training, now or once all have a label."""
    if not texts.labelled().all():
        return
    present = [name for name, number in texts.counts()["train"].items() if number]
    if len(present) < 2:
        raise UsageError(
            "The training texts that are left have fewer than two classes: give other data, or another "
            "split."
        )


def _card(
    request: Request,
    collected: Collected,
    texts: Labelled,
    report: Report,
) -> Card:
    mapping = asdict(collected.columns) | {
        name: getattr(request, name)
        for name in (
            "separator",
            "label_separator",
            "empty_is_none",
            "keep_labels",
            "rename_labels",
            "drop_labels",
        )
    }
    return Card(
        name=request.name,
        title=request.title or request.name,
        labels=texts.classes,
        counts=texts.counts(),
        sizes=texts.sizes(),
        unlabelled=texts.waiting(),
        fingerprint="",  # of what is written
        source=_source(request),
        multi_label=texts.multi_label,
        mean_tokens=mean_tokens(texts),
        examples=examples(texts),
        added=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        files=tuple(report.files),
        mapping=mapping,
        left_out=report.left_out,
        notes=tuple(report.notes),
        findings=tuple(report.findings),
    )


def _source(request: Request) -> str:
    """Return where data came from, for display."""
    text = request.shown(request.file)
    if text != request.file:
        return text
    if hub_datasets.is_name(text):
        return f"{text} on the Hugging Face Hub"
    return str(Path(text).expanduser().resolve())


def mean_tokens(texts: Labelled) -> int:
    """Tokens of a text on average, words and marks, in a sample drawn at random."""
    places = np.random.default_rng(0).permutation(len(texts))[:_SAMPLE]
    sample = (texts.texts[place].as_py() for place in places.tolist())  # `take` copies all texts
    return max(1, round(statistics.fmean(len(_TOKEN.findall(text)) for text in sample)))


def examples(texts: Labelled) -> tuple[str, ...]:
    """Return short test texts of different classes, to watch as they are answered."""
    found = dict[tuple[int, ...] | None, str]()
    for place in np.flatnonzero(texts.parts == NUMBERS["test"])[:_SAMPLE].tolist():
        line = " ".join(texts.texts[place].as_py().split())
        if len(line) <= _EXAMPLE_LENGTH:
            found.setdefault(texts.labels[place], line)
    return tuple(list(found.values())[:_EXAMPLES])
