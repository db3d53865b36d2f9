"""A file as a stream of bytes: decompressed, within limits, and the same at the end as at the start."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ftcore.data import archives
from ftcore.errors import UnfreezeError
from ftcore.formatting import size
from ftcore.validation import printable, refuse_special_files

MAX_BYTES = 2_000_000_000  # of a file, unpacked
_START = 512  # bytes that tell a kind of compression
MAX_RATIO, SMALL = 200, 100_000_000  # a bomb unpacks to so many times its size, and so many bytes


class Source(io.RawIOBase):
    """The content of a file, and how far it has been read."""

    def __init__(self, path: Path, file: BinaryIO, content: BinaryIO, compression: str) -> None:
        self._path, self._file, self._content = path, file, content
        self.name = shown(path)
        self.compression = compression  # its kind; "" for none
        self.total = os.fstat(file.fileno()).st_size  # bytes on disk
        self._count = 0

    @property
    def done(self) -> int:
        """Bytes of the file on disk that have been read."""
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        with archives.explain_errors(self._path):
            data = self._content.read(len(buffer))
        self._count += len(data)
        is_bomb = self._count > max(SMALL, MAX_RATIO * self.total)
        if is_bomb or self._count > MAX_BYTES:
            raise UnfreezeError(
                f"{self.name} unpacks to more than {size(self._count - 1)}, far more than "
                "texts do: unpack it and give a part of it."
            )
        buffer[: len(data)] = data
        return len(data)


def sample(path: Path, count: int) -> tuple[bytes, str]:
    """Return the first bytes of a file, decompressed, and the kind of its compression."""
    with opened(path) as source:
        return io.BufferedReader(source, count).read(count), source.compression


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Yield the decompressed content of a file.

    Raises UnfreezeError if it cannot be read, is damaged or too large, or changes in the meantime.
    """
    refuse_special_files(path)
    with archives.explain_errors(path):
        file = path.open("rb")
    with file:
        before = os.fstat(file.fileno())
        if before.st_size > MAX_BYTES:
            raise UnfreezeError(
                f"{shown(path)} has {size(before.st_size)}, and up to {size(MAX_BYTES)} are read: "
                "give a part of it."
            )
        compression = archives.kind_of(file.read(_START))
        file.seek(0)
        with archives.decompressed(file) as content:
            yield Source(path, file, content, compression)
        if not _is_as_before(path, before):
            raise UnfreezeError(
                f"{shown(path)} changed while it was read: add it again once nothing writes to it."
            )


def no_rows(path: Path) -> UnfreezeError:
    """The error of a file without rows."""
    return UnfreezeError(f"{shown(path)} has no rows: give a file that has texts.")


def shown(path: Path) -> str:
    """The name of a file in a message."""
    return printable(path.name)


def _is_as_before(path: Path, before: os.stat_result) -> bool:
    try:
        now = path.stat()
    except OSError:
        return False
    compared = ("st_size", "st_mtime_ns", "st_ino")
    return all(getattr(now, name) == getattr(before, name) for name in compared)
