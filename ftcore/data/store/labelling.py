"""Labels that people give: to texts without one, in place of a wrong one, and taken back."""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from ftcore import validation
from ftcore.data.store import card, journal, labels, locks, versions
from ftcore.data.store.card import PARTS, Card, Part
from ftcore.data.store.journal import Entry, State
from ftcore.errors import UnfreezeError, UsageError
from ftcore.formatting import count

DROPPED = State(None, "dropped")
_MAX_NAME = 60  # characters of a person's name, and of a class


@dataclass(frozen=True)
class Change:
    """What a person says of a text."""

    text: int
    """Its position in the stored texts."""
    label: tuple[str, ...] | None
    """Names of classes; None: the text is dropped."""
    arm: str = ""
    """As `journal.Entry.arm`."""


@dataclass(frozen=True)
class Originals:
    """The labels and parts of all stored texts before any change, by position."""

    labels: list[tuple[str, ...] | None]
    origins: list[journal.Origin]
    parts: np.ndarray
    """uint8, positions in `card.PARTS`."""

    def state(self, text: int) -> State:
        return State(self.labels[text], self.origins[text])

    def part(self, text: int) -> Part:
        return PARTS[self.parts[text]]


def change(stored: Card, changes: Sequence[Change], by: str) -> int:
    """Record what a person says of texts, and return the version that this makes.

    All changes are on the disk then. A label in place of another one is a correction. Raises UnfreezeError,
    and then nothing is recorded: for a text or a class that there is not, or if the stored texts have been
    replaced since `stored` was read.
    """
    by, at = _person(by), _now()
    with locks.locked(stored.name):
        now = _current(stored)
        before = originals(now)
        states = versions.states(now)
        entries = []
        for each in changes:
            _check(each, now, before)
            was = states.get(each.text, before.state(each.text))
            states[each.text] = _state(each.label, was)
            part = before.part(each.text)
            entries.append(Entry(by, at, each.text, part, was, states[each.text], each.arm))
        return journal.append(now, entries)


def take_back(stored: Card, number: int, by: str) -> int:
    """Take back the entry of this number, which made the version of this number; return the newest version.

    Raises UnfreezeError if there is none, or the text has been changed again since.
    """
    by, at = _person(by), _now()
    with locks.locked(stored.name):
        now = _current(stored)
        entries = journal.read(now)
        if not 1 <= number <= len(entries) or entries[number - 1].text < 0:
            raise UsageError(f"The dataset {now.title} has no change {count(number)} to take back.")
        entry = entries[number - 1]
        gone = {each.takes_back for each in entries}
        later = [
            place
            for place, each in enumerate(entries[number:], start=number + 1)
            if each.text == entry.text and not each.takes_back and place not in gone
        ]
        if number in gone or entry.takes_back:
            raise UsageError("This change has been taken back already.")
        if later:
            raise UsageError(
                f"{entries[later[-1] - 1].by} has changed this text since: take that back first."
            )
        undo = Entry(by, at, entry.text, entry.part, entry.now, entry.was, takes_back=number)
        return journal.append(now, [undo])


def define_classes(stored: Card, names: Iterable[str], by: str) -> int:
    """Add classes after those that there are, and return the version that this makes.

    Raises UsageError if a name is empty, too long, or that of another class.
    """
    by, at = _person(by), _now()
    wanted = [" ".join(name.split()) for name in names]
    with locks.locked(stored.name):
        now = _current(stored)
        taken = {name.casefold() for name in now.labels}
        for name in wanted:
            shown = validation.printable(repr(name))
            if not name or len(name) > _MAX_NAME or labels.is_missing(name):
                raise UsageError(
                    f"A class cannot be called {shown}: give 1 to {_MAX_NAME} characters."
                )
            if name.casefold() in taken:
                raise UsageError(f"There is already a class {shown}: give each its own name.")
            taken.add(name.casefold())
        if len(taken) > labels.MAX_CLASSES:
            raise UsageError(f"At most {labels.MAX_CLASSES:,} classes can be told apart.")
        return (
            journal.append(now, [Entry(by, at, classes=tuple(wanted))]) if wanted else now.version
        )


def originals(stored: Card) -> Originals:
    """The labels of the stored texts as version 0 has them. Raises UnfreezeError if they are gone."""
    return _originals(stored.name, str(stored.folder), stored.texts_fingerprint)


@functools.lru_cache(maxsize=4)  # a label is given in milliseconds while they are kept
def _originals(name: str, folder: str, fingerprint: str) -> Originals:
    from ftcore.data.store import stored as stored_texts

    kept: dict[tuple[str, ...], tuple[str, ...]] = {}  # each label once, however many texts have it
    found: list[tuple[str, ...] | None] = []
    origins: list[journal.Origin] = []
    parts: list[np.ndarray] = []
    for batch in stored_texts.original_batches(card.get(name), ["label", "split", "label_origin"]):
        for value in batch["label"].to_pylist():
            label = None if value is None else (value,) if isinstance(value, str) else tuple(value)
            found.append(label and kept.setdefault(label, label))
        origins += batch["label_origin"].to_pylist()
        part = batch["split"].to_pylist()
        parts.append(np.array([PARTS.index(each) for each in part], np.uint8))
    return Originals(found, origins, np.concatenate(parts))


def _current(stored: Card) -> Card:
    """The newest version of the same texts. Raises UnfreezeError if they have been replaced."""
    now = versions.at(card.get(stored.name))
    if now.texts_fingerprint != stored.texts_fingerprint:
        raise UnfreezeError(f"The texts of {stored.title} have just been changed: load them again.")
    return now


def _check(each: Change, stored: Card, before: Originals) -> None:
    if not 0 <= each.text < len(before.labels):
        raise UsageError(f"The dataset {stored.title} has no text {each.text}.")
    for name in each.label or ():
        if name not in stored.labels:
            shown = validation.printable(name)
            raise UsageError(
                f"There is no class {shown!r}; {validation.choose_from(name, stored.labels)}"
            )
    if each.label is not None and not stored.multi_label and len(each.label) != 1:
        raise UsageError(f"A text of {stored.title} has one label: give one.")


def _state(label: tuple[str, ...] | None, was: State) -> State:
    if label is None:
        return DROPPED
    if label == was.label:
        return was
    return State(label, "person" if was.label is None else "correction")


def _person(name: str) -> str:
    name = " ".join(validation.printable(name).split())[:_MAX_NAME]
    if not name:
        raise UsageError("Say who gives the labels: the name of a person is empty.")
    return name


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")
