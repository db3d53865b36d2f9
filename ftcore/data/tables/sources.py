"""A file as a stream of bytes: decompressed, within limits, and the same at the end as at the start."""

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from ftcore.data import archives
from ftcore.errors import UnfreezeError
from ftcore.formatting import size
from ftcore.validation import printable, refuse_special_files

MAX_BYTES = 2_000_000_000  # of a file, unpacked
MAX_RATIO, SMALL = 200, 100_000_000  # a bomb unpacks to so many times its size, and so many bytes
_IN_MEMORY = 50_000_000  # bytes; what is larger is unpacked into a temporary file


class Source(io.RawIOBase):
    """The content of a file, and how far it has been read.

    Attributes:
        name: of the file, for messages.
        compression: its kind; "" for none.
        total: the size on which `done` counts.
    """

    def __init__(
        self,
        path: Path,
        content: IO[bytes],
        size_on_disk: int,
        compression: str = "",
        total: int | None = None,
        tell: Callable[[], int] | None = None,
    ) -> None:
        self._path, self._content, self._size_on_disk = path, content, size_on_disk
        self._tell = tell
        self._count = 0
        self.name = shown(path)
        self.compression = compression
        self.total = size_on_disk if total is None else total

    @property
    def done(self) -> int:
        """How much of `total` has been read."""
        return self._tell() if self._tell else self._count

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        with archives.explain_errors(self._path):
            data = self._content.read(len(buffer))
        self._count += len(data)
        is_bomb = self._count > max(SMALL, MAX_RATIO * self._size_on_disk)
        if is_bomb or self._count > MAX_BYTES:
            raise too_large(self.name)
        buffer[: len(data)] = data
        return len(data)

    def rewind(self) -> None:
        """Begin anew."""
        with archives.explain_errors(self._path):
            self._content.seek(0)
        self._count = 0

    def start(self, count: int) -> bytes:
        """Return the first bytes, of a source that has not been read."""
        return io.BufferedReader(self, count).read(count)

    @contextmanager
    def random_access(self) -> Iterator[IO[bytes]]:
        """Yield the content as a file that can be read anywhere."""
        if not self.compression:
            yield self._content
            return
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            shutil.copyfileobj(self, file)
            file.seek(0)
            yield file


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Yield the decompressed content of a file.

    Raises UnfreezeError if it cannot be read, is damaged or too large, or changes in the meantime.
    """
    with unchanged(path) as file:
        size_on_disk = os.fstat(file.fileno()).st_size
        if size_on_disk > MAX_BYTES:
            raise UnfreezeError(
                f"{shown(path)} has {size(size_on_disk)}, and up to {size(MAX_BYTES)} are read: "
                "give a part of it."
            )
        compression = archives.kind_of(file.read(archives.START))
        file.seek(0)
        content = archives.decompressed(file)
        yield Source(path, content, size_on_disk, compression, tell=file.tell)


@contextmanager
def unchanged(path: Path) -> Iterator[BinaryIO]:
    """Yield an open file. Raises UnfreezeError if it cannot be opened, or is another one at the end."""
    refuse_special_files(path)
    with archives.explain_errors(path):
        file = path.open("rb")
    with file, stable(path):
        yield file


@contextmanager
def stable(path: Path) -> Iterator[None]:
    """Raise UnfreezeError if a file, or one in a folder, changes until the end.

    That also explains an error which the change has led to.
    """
    before = _states(path)
    failure = None
    try:
        yield
    except UnfreezeError as error:
        failure = error
    if _states(path) != before:
        raise UnfreezeError(
            f"{shown(path)} changed while it was read: add it again once nothing writes to it."
        ) from failure
    if failure:
        raise failure


def too_large(name: str) -> UnfreezeError:
    """The error of a file that unpacks to too much."""
    return UnfreezeError(
        f"{name} unpacks to far more than texts do, or than {size(MAX_BYTES)}: "
        "unpack it and give a part of it."
    )


def no_rows(path: Path) -> UnfreezeError:
    """The error of a file without rows."""
    return UnfreezeError(f"{shown(path)} has no rows: give a file that has texts.")


def shown(path: Path) -> str:
    """The name of a file in a message."""
    return printable(path.name)


def _states(path: Path) -> set[tuple[str, int, int, int]]:
    """Return what changes when a file does, or one in a folder; nothing of one that is gone."""
    states = set()
    for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
        with suppress(OSError):
            found = file.stat()
            states.add((str(file), found.st_size, found.st_mtime_ns, found.st_ino))
    return states
