"""What holds the files of a table: a folder, a zip or tar archive, or the one file itself."""

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ftcore.data import archives, folders
from ftcore.data.tables import sources
from ftcore.data.tables.members import SPREADSHEET, Section, unpacked
from ftcore.data.tables.sources import Source
from ftcore.errors import UnfreezeError

_OF_DOCUMENTS = {"[Content_Types].xml", "mimetype"}  # members of DOCX, XLSB, ODS, …
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
            content = unpacked(self._archive.open(member))
        with content:
            yield Source(path, content, member.compress_size, "zip", member.file_size)


class _Tar(Container):
    compression = "tar"

    def __init__(self, path: Path, content: IO[bytes]) -> None:
        self._content = content
        super().__init__(path)

    def _list(self) -> dict[str, int]:
        self._places = archives.tar_members(self.path, self._content)
        _check_number(self.path, len(self._places))
        return {
            name: size
            for name, (_, size) in sorted(self._places.items())
            if all(map(folders.is_visible, name.split("/")))
        }

    @contextmanager
    def open(self, name: str) -> Iterator[Source]:
        start, size = self._places[name]
        with archives.explain_errors(self.path):
            content = unpacked(Section(self._content, start, size))
        with content:
            yield Source(self.path / name, content, size, "tar", size)


@contextmanager
def opened(path: Path) -> Iterator[Container]:
    """Yield what holds the files at a path. Raises UnfreezeError."""
    if path.is_dir():
        yield _Folder(path)
        return
    with sources.unchanged(path) as file:
        with archives.explain_errors(path):
            start = archives.decompressed(file).read(archives.START)
            archive = zipfile.ZipFile(file) if start.startswith(archives.ZIP) else None
        if archives.kind_of(start) == "tar":
            with sources.opened(path) as source, source.random_access() as content:
                yield _Tar(path, content)
        elif archive is None:
            yield Container(path)
        else:
            with archive:
                yield _Archive(path, archive) if _is_archive(path, archive) else Container(path)


def _is_archive(path: Path, archive: zipfile.ZipFile) -> bool:
    """Whether a zip file is an archive and no spreadsheet. Raises UnfreezeError for another document."""
    members = archives.zip_members(path, archive)
    if SPREADSHEET not in members and not _OF_DOCUMENTS.isdisjoint(members):
        raise UnfreezeError(
            f"{sources.shown(path)} is a document of a kind that is not read: save it as .xlsx or CSV."
        )
    return SPREADSHEET not in members


def _check_number(path: Path, count: int) -> None:
    if count > _MAX_FILES:
        raise UnfreezeError(
            f"{sources.shown(path)} has more than {_MAX_FILES:,} files: "
            "give a table with one text a row."
        )
