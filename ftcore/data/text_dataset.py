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
class TextDataset:
    """A dataset in memory, with its official test split."""

    name: str
    title: str
    labels: tuple[str, ...]
    train: Texts
    test: Texts
    source: str
    """The path, address or author of the texts, for display."""
    synthetic: bool
    fingerprint: str
    """Hash of the labels and all texts."""


@dataclass(frozen=True)
class DatasetSpec:
    """What is known of a dataset before it is read, and how to read it."""

    name: str
    title: str
    labels: tuple[str, ...]
    sizes: tuple[int, int]
    """Number of training and test texts."""
    mean_tokens: int
    """Tokens of a text on average."""
    examples: tuple[str, ...]
    """Sentences to watch during training, unless the user writes others."""
    origin: Callable[[], str]
    """Returns the address of the publisher, or the author."""
    read: Callable[[Path], Task[tuple[Texts, Texts]]]
    """Reads the training and test split from a path given by the user, or the first downloaded file."""
    files: Callable[[], dict[str, str]] = dict
    """Returns the files to download: URL by path below the downloads folder. None if built in."""
    checksums: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Size and MD5 by official URL; files of a mirror are not checked."""
    synthetic: bool = False
