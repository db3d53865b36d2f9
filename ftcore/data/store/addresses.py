"""Where the texts of a dataset come from: a row of a file, and for stored ones their position."""

from dataclasses import dataclass

from ftcore.data.store import stored, versions
from ftcore.data.store.card import Card, Part
from ftcore.data.text_dataset import TextDataset
from ftcore.errors import UsageError
from ftcore.formatting import listing


@dataclass(frozen=True)
class Address:
    """A text of a dataset."""

    part: Part
    row: int
    """0-based row of the file that it came from; of built-in data, its place among the texts of its part."""
    text: int = -1
    """Position in the stored texts; -1: the data is built in."""


def of_texts(dataset: TextDataset) -> list[Address]:
    """Return the address of each training text, those for validation among them, then of each test text."""
    card = versions.find(dataset.name)
    if card is None:
        train = [Address("train", row) for row in range(len(dataset.train.texts))]
        return [*train, *(Address("test", row) for row in range(len(dataset.test.texts)))]
    states = versions.states(card)
    train, test = list[Address](), list[Address]()
    place = 0
    for batch in stored.original_batches(card, ["split", "row"]):
        rows = zip(
            batch["split"].to_pylist(),
            batch["row"].to_pylist(),
            batch["label"].is_valid().to_pylist(),
            strict=True,
        )
        for part, row, has_label in rows:
            state = states.get(place)
            if has_label if state is None else state.label is not None:
                (test if part == "test" else train).append(Address(part, row, place))
            place += 1
    return [*train, *test]


def find(card: Card, row: int, part: str = "") -> Address:
    """Return the address of the stored text of a row, also of one that was dropped.

    Raises UsageError if there is none, or several files have such a row and no `part` says which is meant.
    """
    found, place = list[Address](), 0
    for batch in stored.original_batches(card, ["split", "row"]):
        for each, its_row in zip(batch["split"].to_pylist(), batch["row"].to_pylist(), strict=True):
            if its_row == row and part in ("", each):
                found.append(Address(each, row, place))
            place += 1
    if not found:
        of_part = f"{part} " if part else ""
        raise UsageError(
            f"No {of_part}text of {card.title} is from row {row:,}, counted from 0: give another row."
        )
    if len(found) > 1:
        parts = listing([each.part for each in found])
        raise UsageError(f"Files of {parts} texts have a row {row:,}: say which part (--part).")
    return found[0]
