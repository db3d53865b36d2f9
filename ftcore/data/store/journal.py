"""The journal of a stored dataset: every label that was given, corrected or taken back since it was added.

`labels.jsonl` has a line for the texts that it belongs to, then one JSON object an entry. Entries are only
ever appended, under a lock, and are on disk when `append` returns: a killed process loses no label, and
two people can label at once. A last line that is torn was never reported as saved, and does not count.
"""

import contextlib
import json
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Literal

from ftcore.data.store.card import PARTS, Card, Part
from ftcore.errors import UnfreezeError, user_message
from ftcore.storage import files

JOURNAL = "labels.jsonl"
FORMAT = 1

Origin = Literal["", "file", "person", "correction", "dropped"]
"""Who gave a text its label; "" for a text without one. A dropped text counts for nothing."""


@dataclass(frozen=True)
class State:
    """What a text is labelled as, and who said so."""

    label: tuple[str, ...] | None = None
    """Names of classes, one or, in data of several labels a text, any number; None: no label."""
    origin: Origin = ""


@dataclass(frozen=True)
class Entry:
    """One line: a text was given another state, or classes were defined."""

    by: str
    """The name of a person."""
    at: str
    """When: ISO 8601, with the offset from UTC."""
    text: int = -1
    """Position in the stored texts; -1: the entry defines classes."""
    part: Part = "train"
    was: State = State()
    now: State = State()
    arm: str = ""
    """How the text was proposed, as `ftcore.active_learning.arms` names it; "" if it was not."""
    takes_back: int = 0
    """Number of the entry that this one takes back, counted from 1; 0: none."""
    classes: tuple[str, ...] = ()
    """Names of classes that come after those that there are."""


def read(card: Card) -> list[Entry]:
    """Return all entries, oldest first; none if nothing was labelled here. Raises UnfreezeError."""
    file = card.folder / JOURNAL
    try:
        with file.open("rb") as content:
            return _kept(file, content, card)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UnfreezeError(user_message(error)) from error


def append(card: Card, entries: Sequence[Entry]) -> int:
    """Write entries to the disk and return how many there are now. Only under `locks.locked`.

    All of them are written or, with UnfreezeError, none.
    """
    file = card.folder / JOURNAL
    known = len(read(card))  # raises if it belongs to other texts
    lines = b"".join(_line(entry) for entry in entries)
    try:
        if not file.exists():
            files.write(file, _header(card))
        with file.open("r+b") as out:
            end = _end_of_lines(out)
            out.truncate(end)
            out.seek(end)
            try:
                out.write(lines)
                out.flush()
                os.fsync(out.fileno())
            except OSError:
                with contextlib.suppress(OSError):
                    out.truncate(end)
                raise
    except OSError as error:
        raise UnfreezeError(user_message(error)) from error
    return known + len(entries)


class _Parsed:
    """The entries of a journal that were read before, and up to which byte of it."""

    def __init__(self, header: bytes) -> None:
        self.header, self.end = header, len(header)
        self.entries: list[Entry] = []


_NAMES = {field.name for field in fields(Entry)}
_lock = threading.Lock()
_parsed: dict[Path, _Parsed] = {}


def _kept(file: Path, content: BinaryIO, card: Card) -> list[Entry]:
    """Parse what was appended since the last call, and return all entries."""
    header = content.readline()
    if header != _header(card):
        _check_header(header, card)
    with _lock:
        parsed = _parsed.get(file)
        if (
            parsed is None
            or parsed.header != header
            or os.fstat(content.fileno()).st_size < parsed.end
        ):
            parsed = _parsed[file] = _Parsed(header)
        content.seek(parsed.end)
        for line in content:
            if not line.endswith(b"\n"):
                break
            parsed.entries.append(_entry(line, len(parsed.entries) + 1, card))
            parsed.end += len(line)
        return list(parsed.entries)


def _header(card: Card) -> bytes:
    return json.dumps({"format": FORMAT, "texts": card.texts_fingerprint}).encode() + b"\n"


def _check_header(header: bytes, card: Card) -> None:
    """Raise UnfreezeError for the first line of a journal that is not the one of these texts."""
    try:
        newer = json.loads(header)["format"] > FORMAT
    except (ValueError, TypeError, KeyError):
        raise _damaged(card, 0) from None
    if newer:
        raise UnfreezeError(
            f"A newer version of Unfreeze gave labels in the dataset {card.name}: update it."
        )
    raise UnfreezeError(f"The texts of {card.title} have just been changed: try again.")


def _line(entry: Entry) -> bytes:
    """An entry as JSON, without what is as usual."""
    values: dict[str, Any] = {
        field.name: getattr(entry, field.name)
        for field in fields(Entry)
        if getattr(entry, field.name) != field.default
    }
    for name in ("was", "now"):
        if name in values:
            values[name] = asdict(values[name])
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def _entry(line: bytes, number: int, card: Card) -> Entry:
    try:
        values = json.loads(line)
        for name in ("was", "now"):
            label, origin = map(values.get(name, {}).get, ("label", "origin"))
            values[name] = State(None if label is None else tuple(label), origin or "")
        values["classes"] = tuple(values.get("classes", ()))
        entry = Entry(**{name: values[name] for name in _NAMES & values.keys()})
        if not (isinstance(entry.text, int) and entry.part in PARTS):
            raise ValueError("no text or part")
    except (ValueError, TypeError, AttributeError):
        raise _damaged(card, number) from None
    return entry


def _damaged(card: Card, number: int) -> UnfreezeError:
    return UnfreezeError(
        f"Line {number + 1} of {card.folder / JOURNAL} is damaged: restore the file from a copy, or delete "
        "what stands from this line on."
    )


def _end_of_lines(content: BinaryIO) -> int:
    """Where the last whole line ends."""
    content.seek(0)
    return content.read().rfind(b"\n") + 1
