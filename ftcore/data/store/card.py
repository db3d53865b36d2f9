"""The card of a stored dataset: what is known of it without reading its texts."""

import dataclasses
import functools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ftcore import paths, validation
from ftcore.data.findings.finding import TEST as TEST, TRAIN as TRAIN, VALIDATION as VALIDATION
from ftcore.data.store import locks
from ftcore.errors import UnfreezeError, UsageError
from ftcore.storage import files, scratch

FORMAT = 1
Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
NUMBERS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
"""The parts as numbers: of two copies of a text, the one in the higher part leaves."""
PART_NAMES = {number: part for part, number in NUMBERS.items()}
CARD, TEXTS, ASIDE = "card.json", "texts.parquet", "aside.parquet"
_NAME = re.compile(r"\w[\w .-]{0,59}")


@dataclass(frozen=True)
class Card:
    """Columns, mapping, counts, fingerprint and origin of a stored dataset."""

    name: str
    title: str
    labels: tuple[str, ...]
    """Names of the classes, in order."""
    counts: dict[str, dict[str, int]]
    """Texts of each label, by part; a text of several labels counts for each."""
    sizes: dict[str, int]
    """Texts by part that have a label."""
    fingerprint: str
    """Of labels, texts and parts, as `TextDataset.fingerprint`; of the texts without a label, too."""
    source: str
    """Where the texts are from: a path, or an address of the Hub."""
    multi_label: bool = False
    mean_tokens: int = 1
    examples: tuple[str, ...] = ()
    added: str = ""
    """When: ISO 8601, with the offset from UTC."""
    files: tuple[dict[str, Any], ...] = ()
    """Path, size and form (delimiter, encoding, …) of each file that was read."""
    mapping: dict[str, Any] = field(default_factory=dict)
    """Columns of text, label, split and group, and how their values were changed."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Rows that were not stored, by reason."""
    notes: tuple[str, ...] = ()
    """Sentences about what was changed or drawn when the data was added."""
    findings: tuple[dict[str, Any], ...] = ()
    """Kind, sentence, count and action of each `findings.Finding`, and the first of its texts."""
    unlabelled: dict[str, int] = field(default_factory=dict)
    """Texts by part that have no label yet; no part if all texts have one."""
    version: int = 0
    """How many entries of the journal are applied, see `versions`; that of a file is 0."""
    original_fingerprint: str = ""
    """That of version 0; "" if this is version 0."""

    @property
    def folder(self) -> Path:
        return folder(self.name)

    @property
    def texts(self) -> Path:
        return self.folder / TEXTS

    @property
    def aside(self) -> Path:
        """Rows that could not be read: row, reason, excerpt. Absent if there are none."""
        return self.folder / ASIDE

    @property
    def texts_fingerprint(self) -> str:
        """The fingerprint of what is stored, whatever the version."""
        return self.original_fingerprint or self.fingerprint

    @property
    def stored(self) -> int:
        """How many texts are stored, with a label or without; in later versions without dropped ones."""
        return sum(self.sizes.values()) + self.waiting

    @property
    def waiting(self) -> int:
        """How many texts have no label yet."""
        return sum(self.unlabelled.values())

    def to_json(self) -> bytes:
        values = {"format": FORMAT} | dataclasses.asdict(self)
        return json.dumps(values, ensure_ascii=False, indent=1).encode()


def folder(name: str) -> Path:
    """Return the folder of a stored dataset, which may not exist."""
    return paths.datasets_dir() / name


def names() -> list[str]:
    """The names of the stored datasets, sorted."""
    try:
        entries = list(paths.datasets_dir().iterdir())
    except OSError:  # nothing has been stored
        return []
    return sorted(
        entry.name for entry in entries if _NAME.fullmatch(entry.name) and (entry / CARD).is_file()
    )


def find(name: str) -> Card | None:
    """Return the card of a stored dataset; None if there is none of this name.

    Raises UnfreezeError if the card cannot be read.
    """
    if not _NAME.fullmatch(name):
        return None
    file = folder(name) / CARD
    try:
        state = file.stat()
        return _read(file, name, state.st_mtime_ns, state.st_ino)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise UnfreezeError(
            f"The card of the dataset {name} is damaged: remove the dataset, and add it again."
        ) from None


def get(name: str) -> Card:
    """Return the card of a stored dataset. Raises UnfreezeError if there is none, or it is damaged."""
    check_stored(name)
    if found := find(name):
        return found
    raise UnfreezeError(f"The dataset {name} was just removed.")


def check_stored(name: str) -> None:
    """Raise UsageError if there is no stored dataset of this name."""
    shown, stored = validation.printable(repr(name)), names()
    if not stored:
        raise UsageError(f"There is no dataset {shown}, as none has been added: add it (data add).")
    if name not in stored:
        raise UsageError(
            f"You have added no dataset {shown}; {validation.choose_from(name, stored)}"
        )


def rename(name: str, new: str, reserved: Sequence[str]) -> None:
    """Give a stored dataset another name; a title that was its name follows. Raises UnfreezeError."""
    check_new(new, reserved)
    with locks.locked(name):
        found = get(name)
        if found.title == name:
            files.write(found.folder / CARD, dataclasses.replace(found, title=new).to_json())
        found.folder.rename(folder(new))


def delete(name: str) -> None:
    """Delete a stored dataset, also one that is damaged."""
    check_stored(name)
    with locks.locked(name):
        scratch.discard(folder(name))


def check_new(name: str, reserved: Sequence[str]) -> None:
    """Raise UsageError unless a new dataset can have this name."""
    shown = validation.printable(repr(name))
    if not _NAME.fullmatch(name) or name != name.strip() or name.endswith("."):
        raise UsageError(
            f"A dataset cannot be called {shown}; use up to 60 letters, digits, spaces, dots, hyphens "
            "and underscores, and begin with a letter or digit."
        )
    if name.lower() in reserved:
        raise UsageError(f"The name {shown} is reserved; choose another.")
    taken = {other.lower() for other in names()}
    if name.lower() in taken or folder(name).exists():
        raise UsageError(f"There is already a dataset {shown}; choose another name, or remove it.")


@functools.lru_cache(maxsize=64)  # a page asks for the titles of all datasets each time it is drawn
def _read(file: Path, name: str, changed: int, inode: int) -> Card:
    values = validation.read_json(file)
    if values.pop("format") > FORMAT:
        raise UnfreezeError(f"A newer version of Unfreeze stored the dataset {name}: update it.")
    known = {each.name for each in dataclasses.fields(Card)}
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    card = Card(**{key: value for key, value in values.items() if key in known} | {"name": name})
    validation.check_field_types(card)
    if not (card.labels or card.waiting) or card.sizes.keys() != set(PARTS):
        raise ValueError("no labels or sizes")
    return card
