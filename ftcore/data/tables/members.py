"""Members of archives as files of their own, decompressed where they are compressed themselves."""

import io
import zipfile
from typing import IO, BinaryIO

from ftcore.data import archives, folders

SPREADSHEET = "xl/workbook.xml"  # a zip archive that has this member is a spreadsheet


class Section(io.RawIOBase):
    """A part of an open file, such as a member of a tar archive; only one is read at a time."""

    def __init__(self, content: IO[bytes], start: int, size: int) -> None:
        self._content, self._start, self._size = content, start, size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        self._content.seek(self._start + self._position)
        data = self._content.read(min(len(buffer), max(0, self._size - self._position)))
        self._position += len(data)
        buffer[: len(data)] = data
        return len(data)


def unpacked(member: io.RawIOBase | IO[bytes]) -> IO[bytes]:
    """Return the content of a member, or of the only file in it if it is a zip archive or compressed."""
    content: BinaryIO = io.BufferedReader(member)  # type: ignore[type-var]
    start = content.read(len(archives.ZIP))
    content.seek(0)
    if start == archives.ZIP:
        archive = zipfile.ZipFile(content)
        names = [
            name
            for name in archive.namelist()
            if all(map(folders.is_visible, name.split("/"))) and not name.endswith("/")
        ]
        if len(names) == 1:
            return archive.open(names[0])
        content.seek(0)
        return content
    return archives.decompressed(content)
