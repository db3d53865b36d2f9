"""Corrections of single texts, which are addressed by the row of their file: made, and taken back."""

from collections.abc import Sequence

from ftcore.data.store import journal, labelling, versions
from ftcore.data.store.addresses import Address
from ftcore.data.store.card import Card
from ftcore.data.store.labelling import Change
from ftcore.errors import UsageError


def correct(card: Card, address: Address, label: Sequence[str] | None, by: str) -> int:
    """Give a text other labels, or drop it (None), and return the version that this makes.

    Raises UsageError if that changes nothing.
    """
    now = versions.at(card)
    state = versions.states(now).get(address.text, labelling.originals(card).state(address.text))
    wanted = None
    if label is not None:
        order = {name: place for place, name in enumerate(now.labels)}
        wanted = tuple(sorted(set(label), key=lambda name: order.get(name, -1)))
    if state.label == wanted and (wanted is not None or state.origin == "dropped"):
        raise UsageError("The text is like that already, so nothing was changed.")
    return labelling.change(card, [Change(address.text, wanted)], by)


def take_back(card: Card, address: Address, by: str) -> int:
    """Take back the newest change of a text that stands, and return the version that this makes."""
    number = last_change(card, address.text)
    if not number:
        raise UsageError(
            f"Nothing was changed about row {address.row:,}, so nothing is taken back."
        )
    return labelling.take_back(card, number, by)


def last_change(card: Card, text: int) -> int:
    """The number of the newest entry about a text that was not taken back; 0 if there is none."""
    entries = journal.read(card)
    gone = {entry.takes_back for entry in entries}
    numbers = (
        number
        for number, entry in enumerate(entries, start=1)
        if entry.text == text and not entry.takes_back and number not in gone
    )
    return max(numbers, default=0)
