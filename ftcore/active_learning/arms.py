"""The arms of the comparison between chosen and random texts, and whose turn it is.

A text belongs to the arm that proposed it. Both arms begin with the same texts: those that the file has
labels for, or the first that are drawn. Then chosen and random texts take turns. Each arm learns from its own
labels alone, as if the other did not exist. Held-out texts, of the validation and test parts, measure both;
they are always drawn at random.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from ftcore.data.store.journal import Entry

Arm = Literal["start", "chosen", "random", "held-out"]
START = 10
"""Labels that both arms begin with, of two classes or more."""
HELD_OUT = 100
"""Labelled held-out texts that are asked for, on which a share is good to ten points or better."""
ONE_HELD_OUT_IN = 3  # until there are that many


@dataclass
class Ledger:
    """What texts are labelled as, by position in the stored texts, in the order of labelling."""

    start: dict[int, tuple[str, ...]] = field(default_factory=dict)
    chosen: dict[int, tuple[str, ...]] = field(default_factory=dict)
    random: dict[int, tuple[str, ...]] = field(default_factory=dict)
    held_out: dict[int, tuple[str, ...]] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    """Texts that need no label, dropped ones among them."""

    @property
    def pairs(self) -> int:
        """How many labels both arms have beside the start."""
        return min(len(self.chosen), len(self.random))


def ledger(
    entries: Iterable[Entry],
    start: dict[int, tuple[str, ...]],
    held_out: dict[int, tuple[str, ...]],
) -> Ledger:
    """Return who labelled what by the entries of a journal.

    start, held_out: labels of the file, for training and for the other parts.
    """
    book = Ledger(dict(start), held_out=dict(held_out), done={*start, *held_out})
    arm_of: dict[int, str] = {}
    for entry in entries:
        if entry.text < 0:
            continue
        for each in (book.start, book.chosen, book.random, book.held_out):
            each.pop(entry.text, None)
        book.done.discard(entry.text)
        if entry.now.origin:
            book.done.add(entry.text)
        arm_of[entry.text] = arm = entry.arm or arm_of.get(entry.text, "")
        if entry.now.label is not None:
            # A text that nobody proposed, such as one that was corrected, teaches both arms.
            own = {"chosen": book.chosen, "random": book.random}.get(arm, book.start)
            (own if entry.part == "train" else book.held_out)[entry.text] = entry.now.label
    return book


def turn(book: Ledger, can_choose: bool) -> Arm:
    """Whose text comes next.

    can_choose: whether a model that chooses is there; until then, random texts are drawn.
    """
    training = len(book.start) + len(book.chosen) + len(book.random)
    if len(book.held_out) < HELD_OUT and len(book.held_out) < training // (ONE_HELD_OUT_IN - 1):
        return "held-out"
    if len(book.start) < START or len(set(book.start.values())) < 2:
        return "start"
    return "chosen" if can_choose and len(book.chosen) <= len(book.random) else "random"
