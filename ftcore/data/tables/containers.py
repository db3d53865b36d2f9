"""What holds the files of a table: a folder, a zip archive, or the one file itself."""

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ftcore.data import archives, folders
from ftcore.data.tables import sources
from ftcore.data.tables.sources import Source
from ftcore.errors import UnfreezeError

_SPREADSHEET = "xl/workbook.xml"  # a zip archive that has this member is a spreadsheet
_MAX_FILES = 500_000


class Container:
    """One file, which holds itself.

    Attributes:
        compression: "zip" for an archive, else "".
        sizes: bytes on disk of each file, by its name or its path in the folder or archive.
    """

    compression = ""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sizes = self._list()

    def _list(self) -> dict[str, int]:
        return {self.path.name: self.path.stat().st_size}

    @contextmanager
    def open(self, name: str) -> Iterator[Source]:
        """Yield the content of a file. Raises UnfreezeError, as `sources.opened`."""
        with sources.opened(self.path) as source:
            yield source


class _Folder(Container):
    def _list(self) -> dict[str, int]:
        sizes = {}
        for folder, inner, files in os.walk(self.path):
            inner[:] = sorted(filter(folders.is_visible, inner))
            for name in sorted(filter(folders.is_visible, files)):
                file = os.path.join(folder, name)
                if os.path.isfile(file):
                    sizes[os.path.relpath(file, self.path)] = os.path.getsize(file)
            _check_number(self.path, len(sizes))
        return sizes

    @contextmanager
    def open(self, name: str) -> Iterator[Source]:
        with sources.opened(self.path / name) as source:
            yield source


class _Archive(Container):
    compression = "zip"

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        super().__init__(path)

    def _list(self) -> dict[str, int]:
        self._members = archives.zip_members(self.path, self._archive)
        _check_number(self.path, len(self._members))
        if sum(member.file_size for member in self._members.values()) > sources.MAX_BYTES:
            raise sources.too_large(sources.shown(self.path))
        return {
            name: member.compress_size
            for name, member in sorted(self._members.items())
            if all(map(folders.is_visible, name.split("/")))
        }

    @contextmanager
    def open(self, name: str) -> Iterator[Source]:
        member = self._members[name]
        path = self.path / name
        with archives.explain_errors(self.path):
            content = self._archive.open(member)
        with content:
            source = Source(path, content, member.compress_size, "zip", member.file_size)
            yield source


@contextmanager
def opened(path: Path) -> Iterator[Container]:
    """Yield what holds the files at a path. Raises UnfreezeError."""
    if path.is_dir():
        yield _Folder(path)
        return
    with sources.unchanged(path) as file:
        if file.read(len(archives.ZIP)) != archives.ZIP:
            yield Container(path)
            return
        with archives.explain_errors(path):
            archive = zipfile.ZipFile(file)
        with archive:
            if _SPREADSHEET in archive.namelist():
                archives.zip_members(path, archive)
                yield Container(path)
            else:
                yield _Archive(path, archive)


def _check_number(path: Path, count: int) -> None:
    if count > _MAX_FILES:
        raise UnfreezeError(
            f"{sources.shown(path)} has more than {_MAX_FILES:,} files: "
            "give a table with one text a row."
        )
