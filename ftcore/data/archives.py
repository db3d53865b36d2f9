"""Reads members of tar and zip archives in one pass without unpacking them, safe against malicious ones."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from ftcore import validation
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task

MAX_MEMBER = 10_000_000  # bytes of a wanted member, unless the caller allows more
MAX_ARCHIVE = 2_000_000_000  # bytes decompressed; the official IMDB has about 0.4 billion
_MAX_HEADER = 1_000_000  # bytes of the names and comments of a member
_REPORT_EVERY = 500  # members
_USE_OTHER = "give the official archive, or a folder."
_COMPRESSIONS: dict[bytes, Callable[..., BinaryIO]] = {
    b"\x1f\x8b": gzip.GzipFile,  # type: ignore[dict-item]
    b"BZh": bz2.BZ2File,  # type: ignore[dict-item]
    b"\xfd7zXZ\0": lzma.LZMAFile,  # type: ignore[dict-item]
}
ZIP = b"PK\3\4"
START = 512  # bytes that tell a kind of archive or compression
_UNREAD = {  # by their first bytes
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\x1f\x9d": "compress",
}
_READ = dict(zip((ZIP, *_COMPRESSIONS), ("zip", "gzip", "bzip2", "xz"), strict=True))
Member = tuple[str, bytes]  # path in the archive, content


def read_members(
    archive: Path, wanted: Callable[[str], bool], max_member: int = MAX_MEMBER
) -> Task[list[Member]]:
    """Read the members whose path is `wanted`. Raises UnfreezeError for a damaged, unsafe or huge archive."""
    with explain_errors(archive):
        start = _first_bytes(archive)
        if (kind := kind_of(start)) in _UNREAD.values():
            raise UnfreezeError(f"{archive} is a {kind} file: unpack it and give the folder.")
        read = _read_zip if start.startswith(ZIP) else _read_tar
        return (yield from read(archive, wanted, max_member))


@contextmanager
def explain_errors(archive: Path) -> Iterator[None]:
    """Turn the errors of reading an archive or a compressed file into an UnfreezeError."""
    try:
        yield
    except _TooLarge as error:
        raise UnfreezeError(f"{archive} unpacks to far more than texts: {_USE_OTHER}") from error
    except NotImplementedError as error:
        raise UnfreezeError(
            f"{archive} is compressed in a way that is not read: unpack it."
        ) from error
    except RuntimeError as error:  # of zipfile
        raise UnfreezeError(f"{archive} is encrypted: unpack it and give the folder.") from error
    except OSError as error:
        if error.strerror:
            raise UnfreezeError(f"{archive} cannot be read ({error.strerror}).") from error
        raise _damaged(archive) from error  # of gzip and bz2
    except (
        EOFError,
        UnicodeDecodeError,  # of names
        lzma.LZMAError,
        tarfile.ReadError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise _damaged(archive) from error


def is_archive(path: Path) -> bool:
    """Whether a file is an archive, or compressed. Raises UnfreezeError if it cannot be read."""
    try:
        start = _first_bytes(path) if path.is_file() else b""
    except OSError as error:
        raise UnfreezeError(f"{path} cannot be read ({error.strerror}).") from error
    return bool(kind_of(start))


def kind_of(start: bytes) -> str:
    """Return the kind of archive or compression that begins so; "" if none."""
    if start[257:262] == b"ustar":
        return "tar"
    kinds = (_READ | _UNREAD).items()
    return next((kind for magic, kind in kinds if start.startswith(magic)), "")


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(START)


def decompressed(file: BinaryIO) -> BinaryIO:
    """Return the content of a gzip, bz2 or xz file, or the file itself if it is none of these."""
    start = file.read(6)
    file.seek(0)
    for magic, opened in _COMPRESSIONS.items():
        if start.startswith(magic):
            return opened(file) if magic != b"\x1f\x8b" else opened(fileobj=file, mode="rb")
    return file


def _damaged(archive: Path) -> UnfreezeError:
    return UnfreezeError(
        f"{archive} is no tar or zip archive, is damaged, or is cut short: fetch it again."
    )


def _read_tar(archive: Path, wanted: Callable[[str], bool], max_member: int) -> Task[list[Member]]:
    members: list[Member] = []
    size = archive.stat().st_size
    with (
        archive.open("rb") as file,
        decompressed(file) as content,
        tarfile.open(fileobj=(bounded := _Bounded(content)), mode="r:") as tar,  # type: ignore[call-overload]
    ):
        number = -1
        for number, member in enumerate(tar):
            name = member.name.removeprefix("./")
            is_plain = member.isreg() or member.isdir()
            is_wanted = wanted(name)
            _check_path(archive, member.name, is_plain)
            _check_size(archive, member.name, member.size, is_wanted, max_member)
            if is_wanted and member.isreg():
                data = tar.extractfile(member)
                assert data is not None  # true of regular members
                pieces = iter(lambda: data.read(1 << 16), b"")  # noqa: B023  used at once
                members.append((name, b"".join(pieces)))
            if number % _REPORT_EVERY == 0:
                yield Progress("reading", file.tell(), size, "bytes")
                # tarfile keeps a record of all 100,000 members, which is not needed.
                tar.members.clear()
                tar.pax_headers = {}
        if number < 0:
            raise tarfile.ReadError("no members")
        _check_end(tar, bounded)
    yield Progress("reading", size, size, "bytes")
    return members


def _read_zip(archive: Path, wanted: Callable[[str], bool], max_member: int) -> Task[list[Member]]:
    members: list[Member] = []
    with zipfile.ZipFile(archive) as content:
        infos = zip_members(archive, content)
        if sum(info.file_size for info in infos.values()) > MAX_ARCHIVE:
            raise _TooLarge
        for number, (name, info) in enumerate(infos.items()):
            is_wanted = wanted(name)
            _check_size(archive, name, info.file_size, is_wanted, max_member)
            if is_wanted:
                members.append((name, content.read(info)))
            if number % _REPORT_EVERY == 0:
                yield Progress("reading", number, len(infos), "texts")
    return members


def zip_members(archive: Path, content: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files in a zip archive by their paths. Raises UnfreezeError for one that leads out of it."""
    members = {}
    for info in content.infolist():
        name = info.filename.replace("\\", "/").removeprefix("./")
        kind = stat.S_IFMT(info.external_attr >> 16)  # 0 if made on Windows
        _check_path(archive, name, kind in (0, stat.S_IFREG, stat.S_IFDIR))
        if name and not info.is_dir():
            members[name] = info
    return members


def tar_members(archive: Path, content: IO[bytes]) -> dict[str, tuple[int, int]]:
    """Return where the files in an open tar archive begin, and their bytes, by their paths.

    Raises UnfreezeError as `read_members`.
    """
    members = {}
    bounded = _Bounded(content)
    with explain_errors(archive), tarfile.open(fileobj=bounded, mode="r:") as tar:  # type: ignore[call-overload]
        for member in tar:
            is_plain = (member.isreg() or member.isdir()) and not member.issparse()
            _check_path(archive, member.name, is_plain)
            if member.isreg():
                members[member.name.removeprefix("./")] = (member.offset_data, member.size)
            tar.members.clear()
            tar.pax_headers = {}
        _check_end(tar, bounded)
    return members


def _check_path(archive: Path, name: str, is_plain: bool) -> None:
    """Refuse paths out of the archive, links and devices, though nothing is written to disk."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not is_plain:
        shown = validation.printable(name[:80])
        raise UnfreezeError(
            f"{archive} holds {shown!r}, which leads out of the archive: {_USE_OTHER}"
        )


def _check_size(archive: Path, name: str, size: int, is_wanted: bool, max_member: int) -> None:
    if size > (max_member if is_wanted else MAX_ARCHIVE):
        shown = validation.printable(name[:80])
        raise UnfreezeError(f"{archive} holds far more than texts ({shown!r}): {_USE_OTHER}")


class _TooLarge(Exception):
    """The archive decompresses to more than texts can be."""


class _Bounded:
    """A decompressed file with limits on its size and on the size of each read.

    tarfile trusts a header that states the length of the next header and reads that much into
    memory: two megabytes of archive became two gigabytes.
    """

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self.tell = content.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_HEADER or self.tell() > MAX_ARCHIVE:
            raise _TooLarge
        return self._content.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset < self.tell():
            raise tarfile.ReadError("a negative size leads back, in an endless loop")
        if offset > MAX_ARCHIVE:
            raise _TooLarge
        return self._content.seek(offset, whence)


def _check_end(tar: tarfile.TarFile, content: _Bounded) -> None:
    """Raise ReadError unless the archive ends with its end mark, and nothing but padding after it.

    tarfile takes a damaged header, or the end of the file, for the end of the archive. Reading to the
    end also lets gzip verify its checksum.
    """
    if content.tell() < tar.offset + tarfile.BLOCKSIZE:
        raise tarfile.ReadError("no end mark")
    while rest := content.read(_MAX_HEADER):
        if rest.strip(b"\0"):
            raise tarfile.ReadError("members after the end mark")
