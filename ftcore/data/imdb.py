"""IMDB film reviews, negative or positive (Maas et al. 2011), from an archive or a folder."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ftcore import paths, validation
from ftcore.data import archives, decoding, folders
from ftcore.data.archives import Member
from ftcore.data.text_dataset import Content, DatasetSpec, Reading, Texts
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task

LABELS = ("negative", "positive")
_FOLDERS = ("train/neg", "train/pos", "test/neg", "test/pos")
_REPORT_EVERY = 500  # reviews
_WANTED = "give the official archive, or the folder aclImdb with train/pos, train/neg and test."

Review = tuple[str, str]  # path below the folder aclImdb, text


def read_reviews(source: Path, wanted: tuple[str, ...]) -> Task[tuple[list[Review], Reading]]:
    """Read the reviews in the `wanted` folders of aclImdb, such as "train/pos", sorted by path.

    `source` is an archive, the folder aclImdb, or a folder above it.
    """
    read = _read_folder if source.is_dir() else _read_archive
    files, others = yield from read(source, wanted)
    names = [name for name, _ in files]
    decoded = decoding.decode([content for _, content in files], names, "reviews")
    notes = (*decoded.notes, *_left_out(others))
    return list(zip(names, decoded.texts, strict=True)), Reading(notes, decoded.encoding)


def check_source(path: Path) -> None:
    """Raise UnfreezeError unless a path is a folder with reviews, or a file, which may be an archive."""
    if path.is_dir() and not find_root(path):
        raise UnfreezeError(f"{path} has no reviews in aclImdb/{_FOLDERS[0]}: {_WANTED}")


def list_files(path: Path) -> list[str]:
    """Return the files that are read of a path: reviews, or the archive."""
    if path.is_file():
        return [str(path)]
    root = find_root(path) or path
    return [f"{root}/{name}" for name, is_file in _entries(root, _FOLDERS) if is_file]


def find_root(path: Path, wanted: tuple[str, ...] = _FOLDERS) -> Path | None:
    """Return the folder aclImdb, whatever its name: `path`, or one below it."""
    return folders.find_folder(
        path, lambda folder: any((folder / name).is_dir() for name in wanted)
    )


def _read(path: Path) -> Task[Content]:
    reviews, reading = yield from read_reviews(path, _FOLDERS)
    texts: dict[str, list[str]] = {folder: [] for folder in _FOLDERS}
    for name, text in reviews:
        texts[name.rpartition("/")[0]].append(text)
    for folder in _FOLDERS:
        if not texts[folder]:
            also = f" {reading.notes[-1]}" if reading.notes else ""
            raise UnfreezeError(f"{path} has no reviews in aclImdb/{folder}: {_WANTED}{also}")
    parts = [(texts[f"{split}/neg"], texts[f"{split}/pos"]) for split in ("train", "test")]
    train, test = (Texts(neg + pos, [0] * len(neg) + [1] * len(pos)) for neg, pos in parts)
    return Content(train, test, reading)


def _read_folder(path: Path, wanted: tuple[str, ...]) -> Task[tuple[list[Member], list[str]]]:
    """Return the reviews in the `wanted` folders, and the names of what else is there, with a slash at
    the end of what is no file.
    """
    root = find_root(path, wanted) or path
    entries = dict(_entries(root, wanted))
    names, others = _by_ending([name for name, is_file in entries.items() if is_file])
    others += [f"{name}/" for name, is_file in entries.items() if not is_file]
    files: list[Member] = []
    for number, name in enumerate(names):
        try:
            files.append((name, (root / name).read_bytes()))
        except OSError as error:
            raise UnfreezeError(f"{root / name} cannot be read ({error.strerror}).") from error
        if number % _REPORT_EVERY == 0:
            yield Progress("reading", number, len(names), "texts")
    return files, others


def _entries(root: Path, wanted: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """Yield what is visible in the `wanted` folders, and whether it is a file."""
    for folder in wanted:
        if (root / folder).is_dir():
            for entry in os.scandir(root / folder):
                if folders.is_visible(entry.name):
                    yield f"{folder}/{entry.name}", entry.is_file()


def _read_archive(archive: Path, wanted: tuple[str, ...]) -> Task[tuple[list[Member], list[str]]]:
    """The same of an archive, in which aclImdb may have any name and stand some folders down."""

    deeper: set[str] = set()

    def is_wanted(name: str) -> bool:
        root, folder, file = _split(name)
        for parent in wanted:
            child, slash, _ = f"/{name}".rpartition(f"/{parent}/")[2].partition("/")
            if slash and folders.is_visible(child) and f"/{parent}/" in f"/{name}":
                deeper.add(f"{parent}/{child}/")
        return folder in wanted and folders.is_visible(file) and root.count("/") < folders.DEPTH

    members = yield from archives.read_members(archive, is_wanted)
    if members:
        folders.only(archive, (_split(name)[0] for name, _ in members))
    contents = {"/".join(_split(name)[1:]): content for name, content in members}
    names, others = _by_ending(list(contents))
    return [(name, contents[name]) for name in names], [*others, *sorted(deeper)]


def _split(name: str) -> tuple[str, str, str]:
    """Return a path as the path of aclImdb, the folder in it such as train/pos, and the file."""
    *root, split, label, file = ("", "", "", *name.split("/"))
    return "/".join(filter(None, root)), f"{split}/{label}", file


def _by_ending(names: list[str]) -> tuple[list[str], list[str]]:
    """Return the names of reviews, sorted, and the others."""
    reviews = sorted(name for name in names if name.lower().endswith(".txt"))
    return reviews, sorted(set(names).difference(reviews))


def _left_out(others: list[str]) -> tuple[str, ...]:
    """Return notes about what is no review, if there is any."""
    notes = []
    files = [PurePosixPath(name) for name in others if not name.endswith("/")]
    if files:
        endings = Counter(file.suffix or "no ending" for file in files)
        shown = validation.printable(", ".join(f"{ending}: {n:,}" for ending, n in endings.items()))
        notes.append(f"Files with other endings than .txt were left out ({shown}).")
    if no_files := [name[:-1] for name in others if name.endswith("/")]:
        shown = validation.printable(", ".join(no_files))
        notes.append(f"Folders and broken links among the reviews were left out ({shown}).")
    return tuple(notes)


SPEC = DatasetSpec(
    name="imdb",
    hub="stanfordnlp/imdb",
    licence="its authors name none; the reviews were written on IMDb",
    language="en",
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
    check_source=check_source,
    list_files=list_files,
    files=lambda: {"aclImdb_v1.tar.gz": paths.imdb_url()},
    checksums={paths.OFFICIAL_IMDB: (84_125_825, "7c2ac02c03563afcf9b574c7e56c153a")},
)
