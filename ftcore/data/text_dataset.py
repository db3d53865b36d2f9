"""What every dataset is to the rest of the program: its description, and its texts once read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ftcore.events import Task


@dataclass(frozen=True)
class Texts:
    """Texts and their labels (positions in `TextDataset.labels`), aligned."""

    texts: list[str]
    labels: list[int]


@dataclass(frozen=True)
class Reading:
    """How files were read: in which form, and what a viewer of the results should know."""

    notes: tuple[str, ...] = ()
    encoding: str = "utf-8"  # "" if the files have several
    separator: str = ","  # of columns


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
    fingerprint: str  # hash of the labels and all texts
    reading: Reading = Reading()


@dataclass(frozen=True)
class DatasetSpec:
    """What is known of a dataset before it is read, and how to read it."""

    name: str
    title: str
    labels: tuple[str, ...]
    sizes: tuple[int, int]  # training and test texts
    mean_tokens: int  # of a text
    examples: tuple[str, ...]  # sentences to watch, unless the user writes others
    origin: Callable[[], str]  # the address of the publisher, or the author
    read: Callable[[Path], Task[tuple[Texts, Texts, Reading]]]  # training and test texts of a path
    check_source: Callable[[Path], None] = lambda path: None  # raises for what `read` cannot use
    list_files: Callable[[Path], list[str]] = lambda path: [
        str(path)
    ]  # that `read` reads of a path
    files: Callable[[], dict[str, str]] = dict  # URL by path below the downloads folder
    checksums: dict[str, tuple[int, str]] = field(default_factory=dict)  # size, MD5 by official URL
    synthetic: bool = False
