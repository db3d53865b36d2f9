"""Answers to a file of texts that are not complete yet: parts beside the output, each whole or not there."""

import io
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from ftcore import validation
from ftcore.errors import UnfreezeError
from ftcore.storage import files

if TYPE_CHECKING:
    import pyarrow as pa

_ORIGIN = "made-from.json"
_LOCK = "lock"
_DIGITS = 12  # of the number that names a part


class Unfinished:
    """The parts in a folder: rows from the first one on, without gaps; a part is named by its first row.

    Attributes:
        rows: how many rows the parts have together.
        finished: whether their folder is no longer needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.finished = False
        self._parts = sorted(folder.glob(f"{'[0-9]' * _DIGITS}.parquet"))
        last = self._parts[-1:]
        self.rows = sum(int(part.stem) + len(_table(part)) for part in last)

    def add(self, table: "pa.Table") -> None:
        """Write the answers to the next rows."""
        from pyarrow import parquet

        buffer = io.BytesIO()
        parquet.write_table(table, buffer, compression="zstd")
        part = self.folder / f"{self.rows:0{_DIGITS}}.parquet"
        files.write(part, buffer.getbuffer())
        self._parts.append(part)
        self.rows += len(table)

    def tables(self) -> "Iterator[pa.Table]":
        """Yield all parts in the order of their rows."""
        return map(_table, self._parts)


@contextmanager
def opened(output: Path, origin: Mapping[str, str]) -> Iterator[Unfinished]:
    """Yield the parts of an output, none if it is new; their folder goes once they are finished.

    `origin` is what they are made from. Raises UnfreezeError if those that are there are made from
    something else, or if another call is making them.
    """
    folder = output.with_name(f"{output.name}.parts")
    shown = validation.printable(str(folder))
    if not folder.is_dir():
        with files.new_folder(folder) as staging:
            files.write(staging / _ORIGIN, json.dumps(dict(origin)).encode())
    try:
        found = validation.read_json(folder / _ORIGIN)
        found = {name: found[name] for name in origin}
    except (OSError, ValueError, KeyError, TypeError):
        raise UnfreezeError(
            f"{shown} holds no unfinished answers: remove it, or choose another output."
        ) from None
    if changed := [name for name, value in origin.items() if found[name] != value]:
        raise UnfreezeError(
            f"{shown} holds unfinished answers, but the {changed[0]} changed since: remove it to start "
            "anew, or choose another output."
        )
    lock = FileLock(folder / _LOCK, thread_local=False)
    try:
        held = lock.acquire(timeout=0)
    except Timeout:
        raise UnfreezeError(
            f"Another call is writing {shown}: wait for its end, or choose another output."
        ) from None
    parts = None
    try:
        with held:
            parts = Unfinished(folder)
            yield parts
    finally:
        if parts and (parts.finished or not parts.rows):
            shutil.rmtree(folder, ignore_errors=True)


def _table(part: Path) -> "pa.Table":
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with part.open("rb") as file:  # pyarrow cannot open a name that is not UTF-8
            return parquet.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise UnfreezeError(
            f"{validation.printable(str(part))} cannot be read: remove its folder to start anew."
        ) from error
