"""The files of IMDB and AG News as their publishers lay them out, one text after the other."""

import csv
import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task

_LARGEST_REVIEW = 10_000_000  # bytes; a larger member is no review
_LARGEST_HEADER = 1_000_000  # bytes; longer names and notes on a member are no reviews' either
_LARGEST_ARCHIVE = 2_000_000_000  # bytes once decompressed; the official one has some 0.4 billion
_TICK = 500  # reviews between two reports

Review = tuple[str, str]  # path below the folder aclImdb, text


def reviews(source: Path, folders: tuple[str, ...]) -> Task[list[Review]]:
    """The reviews in some folders of aclImdb ("train/pos"), from its archive or folder, by path."""
    if source.is_dir():
        return (yield from _folder_reviews(source, folders))
    return (yield from _archive_reviews(source, folders))


def ag_news_rows(file: Path) -> Iterator[tuple[str, int]]:
    """Text and label of each row of an official AG News CSV."""
    row = 0
    try:
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            for row, values in enumerate(csv.reader(lines, strict=True), start=1):
                if len(values) != 3:
                    raise UnfreezeError(
                        f"{file.name}, row {row} has {len(values)} columns: "
                        "it must have three, class (1 to 4), title and description."
                    )
                if values[0] not in ("1", "2", "3", "4"):
                    raise UnfreezeError(
                        f"{file.name}, row {row} has class {values[0][:40]!r}: it must be 1 to 4, "
                        "and the file must have no header row."
                    )
                # A backslash stands for a line break of the article.
                text = f"{values[1]} {values[2]}".replace("\\", " ")
                yield text, int(values[0]) - 1
        if row and not _ends_a_line(file):
            raise UnfreezeError(
                f"{file.name} ends within row {row}, as if cut short: fetch the file again, or end "
                "that row with a line break."
            )
    except csv.Error as error:
        raise UnfreezeError(
            f"{file.name} cannot be read after row {row} ({error}): fetch the file again."
        ) from error
    except OSError as error:
        raise UnfreezeError(f"{file} cannot be read ({error.strerror}).") from error


def _ends_a_line(file: Path) -> bool:
    with file.open("rb") as content:
        content.seek(-1, io.SEEK_END)
        return content.read() in b"\r\n"


class _TooMuch(Exception):
    """More comes out of an archive than reviews can be."""


class _Bounded(gzip.GzipFile):
    """What a gzip file unpacks to, up to a size in all and up to another at once.

    tarfile believes a header that says how long the next header is, and reads that much into memory: two
    megabytes of archive became two gigabytes.
    """

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _LARGEST_HEADER:
            raise _TooMuch
        if self.tell() > _LARGEST_ARCHIVE:
            raise _TooMuch
        return super().read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset < self.tell():
            raise tarfile.ReadError("a size below zero leads back")  # and round for ever
        if offset > _LARGEST_ARCHIVE:
            raise _TooMuch
        return super().seek(offset, whence)


def _archive_reviews(archive: Path, folders: tuple[str, ...]) -> Task[list[Review]]:
    """Read in one pass, without unpacking; progress is by compressed bytes, as nobody knows more."""
    found: list[Review] = []
    try:
        size = archive.stat().st_size
        with (
            archive.open("rb") as file,
            _Bounded(fileobj=file, mode="rb") as unpacked,
            tarfile.open(fileobj=unpacked, mode="r:") as tar,
        ):
            for number, member in enumerate(tar):
                name = member.name.removeprefix("./").removeprefix("aclImdb/")
                wanted = _is_review(name, folders)
                _refuse_unsafe(archive, member, wanted)
                if wanted and member.isreg():
                    content = tar.extractfile(member)
                    assert content is not None  # true of regular members
                    pieces = iter(lambda: content.read(1 << 16), b"")  # noqa: B023  used at once
                    found.append((name, b"".join(pieces).decode("utf-8", errors="replace")))
                if number % _TICK == 0:
                    yield Progress("reading", file.tell(), size, "bytes")
                    # tarfile keeps a record of each of the 100,000 members, and nobody needs it.
                    tar.members.clear()  # type: ignore[attr-defined]
                    tar.pax_headers = {}  # and of each note that is meant for all of them
            # To tarfile a damaged header is the end, and so is an archive that ends without its mark.
            if unpacked.tell() == tar.offset:
                raise tarfile.ReadError("no mark of the end")
            while rest := unpacked.read(_LARGEST_HEADER):  # the checksum stands at the very end
                if rest.strip(b"\0"):
                    raise tarfile.ReadError("members after the end")
    except _TooMuch as error:
        raise UnfreezeError(
            f"{archive} unpacks to far more than reviews: give the official archive."
        ) from error
    except (EOFError, zlib.error, tarfile.ReadError, gzip.BadGzipFile) as error:
        raise UnfreezeError(
            f"{archive} is no tar.gz archive, is damaged, or is cut short: fetch it again."
        ) from error
    except OSError as error:
        raise UnfreezeError(f"{archive} cannot be read ({error.strerror}).") from error
    yield Progress("reading", size, size, "bytes")
    return sorted(found)


def _is_review(name: str, folders: tuple[str, ...]) -> bool:
    folder, _, file = name.rpartition("/")
    return folder in folders and file.endswith(".txt") and not file.startswith(".")


def _refuse_unsafe(archive: Path, member: tarfile.TarInfo, wanted: bool) -> None:
    """Nothing is written to disk, yet an archive with such members is not what it claims to be."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isreg() or member.isdir()):
        raise UnfreezeError(
            f"{archive} holds {member.name[:80]!r}, which leads out of the archive: "
            "do not trust it, and fetch the official one."
        )
    if member.size > (_LARGEST_REVIEW if wanted else _LARGEST_ARCHIVE):
        raise UnfreezeError(
            f"{archive} holds far more than reviews ({member.name[:80]!r}): "
            "give the official archive."
        )


def _folder_reviews(root: Path, folders: tuple[str, ...]) -> Task[list[Review]]:
    root = root / "aclImdb" if (root / "aclImdb").is_dir() else root
    names = [
        f"{folder}/{entry.name}"
        for folder in folders
        if (root / folder).is_dir()
        for entry in os.scandir(root / folder)
        if _is_review(f"{folder}/{entry.name}", folders) and entry.is_file()
    ]
    found: list[Review] = []
    for number, name in enumerate(sorted(names)):
        try:
            text = (root / name).read_bytes().decode("utf-8", errors="replace")
        except OSError as error:
            raise UnfreezeError(f"{root / name} cannot be read ({error.strerror}).") from error
        found.append((name, text))
        if number % _TICK == 0:
            yield Progress("reading", number, len(names), "texts")
    return found
