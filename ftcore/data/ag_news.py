"""AG News, news items in four topics (Zhang et al. 2015), from its official CSV files."""

import contextlib
import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from ftcore import paths, validation
from ftcore.data import archives, decoding, folders
from ftcore.data.text_dataset import Content, DatasetSpec, Reading, Texts
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task

LABELS = ("World", "Sports", "Business", "Sci/Tech")
FILES = ("train.csv", "test.csv")
_CLASSES = ("1", "2", "3", "4")
_SEPARATORS = (",", ";", "\t", "|")
_REPORT_EVERY = 500  # texts
_MAX_FILE = 1_000_000_000  # bytes of a file in an archive
_WANTED = "give the folder that has train.csv and test.csv, or an archive of it."

csv.field_size_limit(archives.MAX_MEMBER)  # characters; Python's own limit is 131,072


def read_file(file: Path) -> Task[tuple[Texts, Reading]]:
    """Read one file of rows. Raises UnfreezeError if it is not in the official form."""
    return (yield from _parse(_content(file), file.name))


def _read(path: Path) -> Task[Content]:
    check_source(path)
    folder = find_folder(path)
    contents = _read_folder(folder) if folder else (yield from _read_archive(path))
    train, train_reading = yield from _parse(contents["train.csv"], "train.csv")
    test, test_reading = yield from _parse(contents["test.csv"], "test.csv")
    for texts, name in zip((train, test), FILES, strict=True):
        for label, topic in enumerate(LABELS):
            if label not in texts.labels:
                raise UnfreezeError(f"{name} has no row of class {topic}: fetch the official file.")
    notes = (*train_reading.notes, *test_reading.notes)
    reading = replace(train_reading, notes=notes)
    if reading != replace(test_reading, notes=notes):
        reading = Reading(notes, "", "")
    return Content(train, test, reading)


def find_folder(path: Path) -> Path | None:
    """Return the folder with both files: of one of them, or at or below a folder."""

    def holds(folder: Path) -> bool:
        return all((folder / name).is_file() for name in FILES)

    if path.is_dir():
        return folders.find_folder(path, holds)
    return path.parent if path.name in FILES and holds(path.parent) else None


def list_files(path: Path) -> list[str]:
    """Return the files that are read of a path."""
    folder = find_folder(path)
    return [str(folder / name) for name in FILES] if folder else [str(path)]


def check_source(path: Path) -> None:
    """Raise UnfreezeError unless a path is a folder with both files, one of them, or an archive."""
    if find_folder(path) or archives.is_archive(path):
        return
    folder = path if path.is_dir() else path.parent
    shown = validation.printable(str(path))
    if path != folder and path.name not in FILES:
        raise UnfreezeError(f"{shown} is one file, and AG News has two: {_WANTED}")
    missing = next(name for name in FILES if not (folder / name).is_file())
    raise UnfreezeError(f"{shown} has no {missing}: {_WANTED}")


def _read_folder(folder: Path) -> dict[str, bytes]:
    return {name: _content(folder / name) for name in FILES}


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnfreezeError(f"{file} cannot be read ({error.strerror}).") from error


def _read_archive(archive: Path) -> Task[dict[str, bytes]]:
    """Return the contents of both files in an archive, by name."""
    members = yield from archives.read_members(
        archive, lambda name: Path(name).name in FILES and folders.is_visible(name), _MAX_FILE
    )
    found = {file: dict[str, bytes]() for file in FILES}
    for member, content in members:
        folder, _, file = member.rpartition("/")
        found[file][folder] = content
    both = found[FILES[0]].keys() & found[FILES[1]].keys()
    if not both:
        name = validation.printable(str(archive))
        raise UnfreezeError(f"{name} does not hold train.csv and test.csv: {_WANTED}")
    folder = folders.only(archive, both)
    return {file: found[file][folder] for file in FILES}


def _parse(content: bytes, name: str) -> Task[tuple[Texts, Reading]]:
    """Read the rows of a file, each a class, a title and a description; blank lines are no rows."""
    decoded = decoding.decode([content], [name], "files")
    text, notes = decoded.texts[0], decoded.notes
    separator = _separator(text)
    texts: list[str] = []
    labels: list[int] = []
    number = 0
    try:
        for number, values in enumerate(_rows(text, separator), start=1):
            if len(values) != 3:
                columns = "1 column" if len(values) == 1 else f"{len(values)} columns"
                raise UnfreezeError(f"{name}, row {number} has {columns}: it must have three.")
            if values[0] not in _CLASSES:
                raise UnfreezeError(
                    f"{name}, row {number} has class {values[0][:40]!r}: "
                    "it must be 1 to 4, and the file must have no header row."
                )
            # A backslash stands for a line break of the article.
            texts.append(f"{values[1]} {values[2]}".replace("\\", " "))
            labels.append(int(values[0]) - 1)
            if number % _REPORT_EVERY == 0:
                yield Progress("reading", number, None, "texts")
    except csv.Error as error:
        raise UnfreezeError(
            f"{name} cannot be read after row {number} ({error}): correct it, or fetch it again."
        ) from error
    if text and not text.endswith(("\n", "\r")):
        notes += (f"{name} ends without a line break, so its last row may be cut short.",)
    return Texts(texts, labels), Reading(notes, decoded.encoding, separator)


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    lines = io.StringIO(text, newline="")
    for values in csv.reader(lines, delimiter=separator, strict=True):
        if any(map(str.strip, values)):
            yield values


def _separator(text: str) -> str:
    """Return the separator with which the first rows have a class and two texts; a comma if none."""
    for separator in _SEPARATORS:
        with contextlib.suppress(csv.Error):
            rows = list(islice(_rows(text, separator), 3))
            if rows and all(len(values) == 3 and values[0] in _CLASSES for values in rows):
                return separator
    return _SEPARATORS[0]


def _files() -> dict[str, str]:
    url = paths.ag_news_url().rstrip("/")
    return {f"ag_news_csv/{name}": f"{url}/{name}" for name in FILES}


SPEC = DatasetSpec(
    name="ag_news",
    hub="fancyzhx/ag_news",
    licence="for research and other non-commercial use",
    language="en",
    title="AG News",
    labels=LABELS,
    sizes=(120_000, 7_600),
    mean_tokens=45,
    examples=(
        "Shares of the airline rose after it raised its profit forecast for the year.",
        "The club sold its goalkeeper for a record sum.",
        "The new chip will be built in a factory that the government paid for.",
    ),
    origin=paths.ag_news_url,
    read=_read,
    check_source=check_source,
    list_files=list_files,
    files=_files,
    checksums={
        f"{paths.OFFICIAL_AG_NEWS}/train.csv": (29_470_338, "b1a00f826fdfbd249f79597b59e1dc12"),
        f"{paths.OFFICIAL_AG_NEWS}/test.csv": (1_857_427, "d52ea96a97a2d943681189a97654912d"),
    },
)
