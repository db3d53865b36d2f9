"""What every dataset is to the rest of the program: its description, and its texts once read."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ftcore.events import Task

_VALIDATION = 0.05  # share of the training texts, as in the lesson


@dataclass(frozen=True)
class Texts:
    """Texts and their labels, aligned.

    A label is a position in `TextDataset.labels`, or a tuple of any number of them if it is `multi_label`.
    """

    texts: list[str]
    labels: list[Any]

    def pairs(self) -> Iterable[tuple[str, Any]]:
        """Each text with its label."""
        return zip(self.texts, self.labels, strict=True)

    def counts(self, classes: int) -> np.ndarray:
        """Number of texts of each class, int64 [classes]."""
        each = chain.from_iterable(map(numbers, self.labels))
        return np.bincount(np.fromiter(each, np.int64), minlength=classes)

    def at(self, rows: Iterable[int]) -> "Texts":
        """Some of the texts, in the order of `rows`."""
        rows = list(rows)
        return Texts([self.texts[row] for row in rows], [self.labels[row] for row in rows])


def numbers(label: Any) -> tuple[int, ...]:
    """The positions of the classes of a label: one, or any number."""
    return label if isinstance(label, tuple) else (label,)


@dataclass(frozen=True)
class Reading:
    """How files were read: in which form, and what a viewer of the results should know."""

    notes: tuple[str, ...] = ()
    encoding: str = "utf-8"  # "" if the files have several
    separator: str = ","  # of columns


@dataclass(frozen=True)
class Content:
    """What is read of a dataset: all texts, and how."""

    train: Texts
    test: Texts
    reading: Reading = Reading()
    val_rows: tuple[int, ...] = ()
    """Ascending rows of `train` that are validation texts; empty: they are drawn by seed."""


@dataclass(frozen=True)
class TextDataset:
    """A dataset in memory, with its official test split."""

    name: str
    title: str
    labels: tuple[str, ...]
    train: Texts
    test: Texts
    source: str  # the path, address or author of the texts, for display
    synthetic: bool
    fingerprint: str  # hash of the labels, all texts and the validation rows
    reading: Reading = Reading()
    val_rows: tuple[int, ...] = ()  # of `train`; empty: drawn by seed
    multi_label: bool = False  # whether a text may have several labels, or none

    def truth(self, part: Texts) -> np.ndarray:
        """The labels of texts as an array; see `ftcore.answers` for its two forms."""
        if not self.multi_label:
            return np.array(part.labels, dtype=np.int64)
        truth = np.zeros((len(part.labels), len(self.labels)), dtype=bool)
        for row, label in enumerate(part.labels):
            truth[row, list(label)] = True
        return truth


@dataclass(frozen=True)
class DatasetSpec:
    """What is known of a dataset before it is read, and how to read it."""

    name: str
    title: str
    labels: tuple[str, ...]
    sizes: tuple[int, int]  # training texts, those for validation among them, and test texts
    mean_tokens: int  # of a text
    examples: tuple[str, ...]  # sentences to watch, unless the user writes others
    origin: Callable[[], str]  # the address of the publisher, or the author
    read: Callable[[Path], Task[Content]]  # the texts of a path
    check_source: Callable[[Path], None] = lambda path: None  # raises for what `read` cannot use
    list_files: Callable[[Path], list[str]] = lambda path: [
        str(path)
    ]  # that `read` reads of a path
    files: Callable[[], dict[str, str]] = dict  # URL by path below the downloads folder
    checksums: dict[str, tuple[int, str]] = field(default_factory=dict)  # size, MD5 by official URL
    synthetic: bool = False
    hub: str = ""  # its name on the Hugging Face Hub
    licence: str = ""  # what is known of it
    language: str = ""  # as BCP 47 names it
    validation_size: int = 0  # texts of its own validation part; 0: drawn by seed
    multi_label: bool = False  # whether a text may have several labels, or none
    fingerprint: str = ""  # of the texts, if it is known before they are read

    @property
    def training_size(self) -> int:
        """Training texts without those for validation."""
        texts = self.sizes[0]
        return texts - (self.validation_size or drawn_for_validation(texts))

    @property
    def stored(self) -> bool:
        """Whether it is one that a user added."""
        return bool(self.fingerprint)

    @property
    def takes_source(self) -> bool:
        """Whether the texts can be read from a path that the user gives."""
        return bool(self.files())


def drawn_for_validation(texts: int) -> int:
    """How many of so many training texts are drawn for validation, where a dataset has no such part."""
    return min(texts, max(1, texts - int(texts * (1 - _VALIDATION))))


def fingerprint(
    labels: Sequence[str],
    train: Iterable[tuple[str, object]],
    test: Iterable[tuple[str, object]],
    val_rows: Sequence[int] = (),
) -> str:
    """Return a hash of the names of classes, of all texts with their labels, and of the validation rows.

    A label is the position of a class, or a tuple of positions where a text may have several.
    """
    digest = hashlib.sha256(repr(tuple(labels)).encode())
    for part in (train, test):
        for text, label in part:
            data = text.encode()
            digest.update(f"{label} {len(data)} ".encode() + data)
        digest.update(b"|")
    digest.update(np.array(val_rows, dtype="<i8").tobytes())
    return digest.hexdigest()[:16]
