"""The archive of IMDB, read in one pass without unpacking it, safe against malicious members."""

import gzip
import io
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task

_MAX_REVIEW = 10_000_000  # bytes
_MAX_HEADER = 1_000_000  # bytes of the names and comments of a member
_MAX_ARCHIVE = 2_000_000_000  # bytes decompressed; the official one has about 0.4 billion
_REPORT_EVERY = 500  # members

Review = tuple[str, str]  # path below the folder aclImdb, text


def read_archive(archive: Path, folders: tuple[str, ...]) -> Task[list[Review]]:
    """Read the reviews in `folders`, sorted by path; progress is in compressed bytes.

    Raises UnfreezeError if the archive is damaged, truncated, unsafe or too large.
    """
    reviews: list[Review] = []
    try:
        size = archive.stat().st_size
        with (
            archive.open("rb") as file,
            _BoundedGzipFile(fileobj=file, mode="rb") as unpacked,
            tarfile.open(fileobj=unpacked, mode="r:") as tar,
        ):
            for number, member in enumerate(tar):
                name = member.name.removeprefix("./").removeprefix("aclImdb/")
                wanted = is_review(name, folders)
                _check_member(archive, member, wanted)
                if wanted and member.isreg():
                    content = tar.extractfile(member)
                    assert content is not None  # true of regular members
                    pieces = iter(lambda: content.read(1 << 16), b"")  # noqa: B023  used at once
                    reviews.append((name, b"".join(pieces).decode("utf-8", errors="replace")))
                if number % _REPORT_EVERY == 0:
                    yield Progress("reading", file.tell(), size, "bytes")
                    # tarfile keeps a record of all 100,000 members, which is not needed.
                    tar.members.clear()  # type: ignore[attr-defined]
                    tar.pax_headers = {}
            _check_end(tar, unpacked)
    except _TooLarge as error:
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
    return sorted(reviews)


def is_review(name: str, folders: tuple[str, ...]) -> bool:
    """Whether a path below aclImdb names a review in one of `folders`."""
    folder, _, file = name.rpartition("/")
    return folder in folders and file.endswith(".txt") and not file.startswith(".")


class _TooLarge(Exception):
    """The archive decompresses to more than reviews can be."""


class _BoundedGzipFile(gzip.GzipFile):
    """A gzip file with limits on its decompressed size and on the size of each read.

    tarfile trusts a header that states the length of the next header and reads that much into
    memory: two megabytes of archive became two gigabytes.
    """

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _MAX_HEADER or self.tell() > _MAX_ARCHIVE:
            raise _TooLarge
        return super().read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset < self.tell():
            raise tarfile.ReadError("a negative size leads back, in an endless loop")
        if offset > _MAX_ARCHIVE:
            raise _TooLarge
        return super().seek(offset, whence)


def _check_member(archive: Path, member: tarfile.TarInfo, wanted: bool) -> None:
    """Refuse paths out of the archive, links and devices, though nothing is written to disk."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isreg() or member.isdir()):
        raise UnfreezeError(
            f"{archive} holds {member.name[:80]!r}, which leads out of the archive: "
            "do not trust it, and fetch the official one."
        )
    if member.size > (_MAX_REVIEW if wanted else _MAX_ARCHIVE):
        raise UnfreezeError(
            f"{archive} holds far more than reviews ({member.name[:80]!r}): "
            "give the official archive."
        )


def _check_end(tar: tarfile.TarFile, unpacked: gzip.GzipFile) -> None:
    """Raise ReadError unless the archive ends with its end mark, and nothing but padding after it.

    tarfile takes a damaged header, or the end of the file, for the end of the archive. Reading to the
    end also lets gzip verify its checksum.
    """
    if unpacked.tell() == tar.offset:
        raise tarfile.ReadError("no end mark")
    while rest := unpacked.read(_MAX_HEADER):
        if rest.strip(b"\0"):
            raise tarfile.ReadError("members after the end mark")
