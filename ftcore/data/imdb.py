"""IMDB film reviews, negative or positive (Maas et al. 2011), from the archive or its folder.

The archive is read in one pass without unpacking it, safe against malicious members.
"""

import gzip
import io
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from ftcore import paths
from ftcore.data.text_dataset import DatasetSpec, Texts
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task

LABELS = ("negative", "positive")
_FOLDERS = ("train/neg", "train/pos", "test/neg", "test/pos")
_REPORT_EVERY = 500  # reviews, or members of the archive
_USE_OFFICIAL = "give the official archive."
_MAX_REVIEW = 10_000_000  # bytes
_MAX_HEADER = 1_000_000  # bytes of the names and comments of a member
_MAX_ARCHIVE = 2_000_000_000  # bytes decompressed; the official one has about 0.4 billion

Review = tuple[str, str]  # path below the folder aclImdb, text


def read_reviews(source: Path, folders: tuple[str, ...]) -> Task[list[Review]]:
    """Read the reviews in folders of aclImdb, such as "train/pos", sorted by path.

    `source` is the archive, the folder aclImdb, or the folder above it.
    """
    if source.is_dir():
        return (yield from _read_folder(source, folders))
    return (yield from _read_archive(source, folders))


def _read(path: Path) -> Task[tuple[Texts, Texts]]:
    reviews = yield from read_reviews(path, _FOLDERS)
    texts: dict[str, list[str]] = {folder: [] for folder in _FOLDERS}
    for name, text in reviews:
        texts[name.rpartition("/")[0]].append(text)
    for folder in _FOLDERS:
        if not texts[folder]:
            raise UnfreezeError(
                f"{path} has no reviews in aclImdb/{folder}: give the official archive."
            )
    parts = [(texts[f"{split}/neg"], texts[f"{split}/pos"]) for split in ("train", "test")]
    train, test = (Texts(neg + pos, [0] * len(neg) + [1] * len(pos)) for neg, pos in parts)
    return train, test


def _read_folder(root: Path, folders: tuple[str, ...]) -> Task[list[Review]]:
    root = root / "aclImdb" if (root / "aclImdb").is_dir() else root
    names = [
        f"{folder}/{entry.name}"
        for folder in folders
        if (root / folder).is_dir()
        for entry in os.scandir(root / folder)
        if _is_review(f"{folder}/{entry.name}", folders) and entry.is_file()
    ]
    reviews: list[Review] = []
    for number, name in enumerate(sorted(names)):
        try:
            text = (root / name).read_bytes().decode("utf-8", errors="replace")
        except OSError as error:
            raise UnfreezeError(f"{root / name} cannot be read ({error.strerror}).") from error
        reviews.append((name, text))
        if number % _REPORT_EVERY == 0:
            yield Progress("reading", number, len(names), "texts")
    return reviews


def _read_archive(archive: Path, folders: tuple[str, ...]) -> Task[list[Review]]:
    """Read the reviews. Raises UnfreezeError if the archive is damaged, unsafe or too large."""
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
                wanted = _is_review(name, folders)
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
            f"{archive} unpacks to far more than reviews: {_USE_OFFICIAL}"
        ) from error
    except (EOFError, zlib.error, tarfile.ReadError, gzip.BadGzipFile) as error:
        raise UnfreezeError(
            f"{archive} is no tar.gz archive, is damaged, or is cut short: fetch it again."
        ) from error
    except OSError as error:
        raise UnfreezeError(f"{archive} cannot be read ({error.strerror}).") from error
    yield Progress("reading", size, size, "bytes")
    return sorted(reviews)


def _is_review(name: str, folders: tuple[str, ...]) -> bool:
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
            f"{archive} holds {member.name[:80]!r}, which leads out of the archive: {_USE_OFFICIAL}"
        )
    if member.size > (_MAX_REVIEW if wanted else _MAX_ARCHIVE):
        raise UnfreezeError(
            f"{archive} holds far more than reviews ({member.name[:80]!r}): {_USE_OFFICIAL}"
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


SPEC = DatasetSpec(
    name="imdb",
    title="IMDB film reviews",
    labels=LABELS,
    sizes=(25_000, 25_000),
    mean_tokens=259,
    examples=(
        "The trailer is gorgeous and the cast is brilliant, but the film itself is a mess.",
        "It is not that I never enjoyed it; there was hardly a dull scene.",
        "I did not laugh once, and nothing about the ending felt earned.",
    ),
    origin=paths.imdb_url,
    read=_read,
    files=lambda: {"aclImdb_v1.tar.gz": paths.imdb_url()},
    checksums={paths.OFFICIAL_IMDB: (84_125_825, "7c2ac02c03563afcf9b574c7e56c153a")},
)
