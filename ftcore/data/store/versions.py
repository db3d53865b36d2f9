"""Versions of a stored dataset: version N is the stored texts with the first N entries of its journal.

`NAME@N` addresses one of them wherever a dataset is named, `NAME` the newest. Version 0 is the data as added.
"""

import hashlib
import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ftcore.data.store import card, journal
from ftcore.data.store.card import Card
from ftcore.data.store.journal import Entry, State
from ftcore.errors import UsageError
from ftcore.formatting import count

_KEPT = 64  # cards of versions; a page asks for those of all datasets each time it is drawn
_lock = threading.Lock()
_cards: dict[tuple[str, str, str, int], Card] = {}
_ADDRESS = re.compile(r"(.+)@(\d{1,9})")


def split_name(name: str) -> tuple[str, int | None]:
    """The name of a dataset and the number of a version: `news@3` is news and 3; None for the newest."""
    if found := _ADDRESS.fullmatch(name):
        return found[1], int(found[2])
    return name, None


def find(name: str) -> Card | None:
    """Return the card of a version, None if there is no such dataset. Raises UnfreezeError, as `at` does."""
    base, number = split_name(name)
    stored = card.find(base)
    return at(stored, number) if stored else None


def get(name: str) -> Card:
    """Return the card of a version. Raises UnfreezeError if there is none, or it is damaged."""
    base, number = split_name(name)
    return at(card.get(base), number)


def newest(stored: Card) -> int:
    """The number of the newest version. Raises UnfreezeError if the journal is damaged."""
    return len(journal.read(stored))


def at(stored: Card, number: int | None = None) -> Card:
    """Return the card of a version, by default the newest: its classes, counts, sizes and fingerprint.

    stored: the card of any version. Raises UsageError if there is no such version.
    """
    original = card.get(stored.name) if stored.version else stored
    entries = journal.read(original)
    number = len(entries) if number is None else number
    if number > len(entries):
        raise UsageError(
            f"The dataset {stored.title} has no version {count(number)}: its newest is {count(len(entries))}."
        )
    if not number:
        return original
    key = (str(original.folder), original.title, original.fingerprint, number)
    with _lock:
        if key not in _cards:
            _cards[key] = _with_entries(original, entries[:number])
        while len(_cards) > _KEPT:
            del _cards[next(iter(_cards))]
        return _cards[key]


def states(stored: Card) -> dict[int, State]:
    """By position in the stored texts: the state of each text that the version of a card changes."""
    return _changes(journal.read(stored)[: stored.version])[0]


def _changes(entries: Sequence[Entry]) -> tuple[dict[int, State], dict[int, Entry]]:
    """The state of each text after some entries, and the first entry of each: what it was, and its part."""
    now: dict[int, State] = {}
    first: dict[int, Entry] = {}
    for entry in entries:
        if entry.text >= 0:
            first.setdefault(entry.text, entry)
            now[entry.text] = entry.now
    return {text: state for text, state in now.items() if state != first[text].was}, first


def _with_entries(stored: Card, entries: Sequence[Entry]) -> Card:
    """The card of the version that some entries make."""
    now, first = _changes(entries)
    added = [name for entry in entries for name in entry.classes]
    labels = tuple(dict.fromkeys([*stored.labels, *added]))
    counts = {part: Counter(stored.counts.get(part, {})) for part in card.PARTS}
    sizes, unlabelled = Counter(stored.sizes), Counter(stored.unlabelled)
    for text, state in now.items():
        for one, sign in ((first[text].was, -1), (state, 1)):
            part = first[text].part
            if one.origin == "":
                unlabelled[part] += sign
            elif one.label is not None:
                sizes[part] += sign
                for label in one.label:
                    counts[part][label] += sign
    return replace(
        stored,
        labels=labels,
        counts={part: {label: counts[part][label] for label in labels} for part in card.PARTS},
        sizes={part: sizes[part] for part in card.PARTS},
        unlabelled=_without_zeros(unlabelled),
        fingerprint=_fingerprint(stored, labels, now),
        version=len(entries),
        original_fingerprint=stored.fingerprint,
    )


def _without_zeros(unlabelled: Mapping[str, int]) -> dict[str, int]:
    return {part: number for part, number in unlabelled.items() if number}


def _fingerprint(stored: Card, labels: tuple[str, ...], now: Mapping[int, State]) -> str:
    """Equal for versions of the same texts with the same labels; that of the texts if nothing changed."""
    if labels == stored.labels and not now:
        return stored.fingerprint
    digest = hashlib.sha256(repr((stored.fingerprint, labels)).encode())
    for text, state in sorted(now.items()):
        digest.update(repr((text, state.label)).encode())
    return digest.hexdigest()[:16]
