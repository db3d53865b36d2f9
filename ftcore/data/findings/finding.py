"""A finding, and the columns in which things are found."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from ftcore.formatting import count as thousands, listing

Kind = Literal[
    "few-examples",
    "empty-texts",
    "copies-across-split",
    "copies-in-training",
    "two-labels",
    "near-duplicates-across-split",
    "near-duplicates-in-training",
    "near-duplicates-with-other-label",
    "language",
    "long-texts",
    "unknown-tokens",
    "split-words",
]
Action = Literal["", "merge-labels", "review-labels", "drop-near-duplicates", "other-model"]

TEST, VALIDATION, TRAIN = range(3)
"""Parts of a split. Of two texts that are alike, the one in the higher part leaves."""
NO_LABEL = -1
LEFT = "Left out on request."
BLOCK = 1000  # texts between two Progress events


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know about the texts before training on them.

    Attributes:
        kind: names it for programs.
        sentence: says it, and the way to act on it.
        count: how many texts it concerns, or classes.
        rows: positions of these texts, ascending; empty if it concerns no single text.
        like: for each of `rows` the position of the text that it repeats; empty if none repeats another.
        action: what can be done about it, for programs; "" if there is only something to know.
    """

    kind: Kind
    sentence: str
    count: int
    rows: tuple[int, ...] = ()
    like: tuple[int, ...] = ()
    action: Action = ""


class Column(Protocol):
    """A list of texts, or an array of Arrow."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Any: ...


@dataclass(frozen=True)
class LabelledTexts:
    """The columns that are examined.

    Attributes:
        texts: a list, or an array of Arrow; no text is empty or None.
        labels: int64 [texts], equal for texts of the same label or labels, NO_LABEL for a text without.
        parts: uint8 [texts], TEST, VALIDATION or TRAIN.
    """

    texts: Column
    labels: np.ndarray
    parts: np.ndarray


def blocks(texts: Column, size: int = BLOCK) -> Iterator[tuple[int, list[str]]]:
    """Yield the position of the first text of each block, and its texts as a list."""
    for start in range(0, len(texts), size):
        yield start, take(texts, start, start + size)


def take(texts: Column, start: int, stop: int) -> list[str]:
    """Return some texts as a list."""
    block: Any = texts[start:stop]
    return block if isinstance(block, list) else block.to_pylist()


def places(parts: np.ndarray) -> str:
    """The held-out parts among `parts`, uint8 [texts]: the test part (9) and the validation part (3)."""
    names = {"test": int((parts == TEST).sum()), "validation": int((parts == VALIDATION).sum())}
    held = {name: count for name, count in names.items() if count}
    if len(held) == 1:
        return f"the {next(iter(held))} part"
    return listing([f"the {name} part ({count:,})" for name, count in held.items()])


def positions(rows: np.ndarray) -> tuple[int, ...]:
    """Rows as a Finding holds them."""
    return tuple(rows.tolist())


def number(count: int, one: str, many: str = "") -> str:
    """A number and what it counts: 1 text, 2,000 texts."""
    return f"{thousands(count)} {one if count == 1 else many or one + 's'}"
