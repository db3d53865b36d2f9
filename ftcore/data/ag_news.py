"""AG News, news items in four topics (Zhang et al. 2015), from its official CSV files."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from ftcore import paths
from ftcore.data.text_dataset import DatasetSpec, Texts
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task

LABELS = ("World", "Sports", "Business", "Sci/Tech")
_REPORT_EVERY = 500  # texts


def read_rows(file: Path) -> Iterator[tuple[str, int]]:
    """Yield the text and label of each row. Raises UnfreezeError if the file is not official."""
    row = 0
    try:
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            for row, values in enumerate(csv.reader(lines, strict=True), start=1):
                if len(values) != 3:
                    raise UnfreezeError(
                        f"{file.name}, row {row} has {len(values)} columns: it must have three."
                    )
                if values[0] not in ("1", "2", "3", "4"):
                    raise UnfreezeError(
                        f"{file.name}, row {row} has class {values[0][:40]!r}: "
                        "it must be 1 to 4, and the file must have no header row."
                    )
                # A backslash stands for a line break of the article.
                text = f"{values[1]} {values[2]}".replace("\\", " ")
                yield text, int(values[0]) - 1
        if row and not _ends_with_newline(file):
            raise UnfreezeError(f"{file.name} ends within row {row}, cut short: fetch it again.")
    except csv.Error as error:
        raise UnfreezeError(f"{file.name}, after row {row}: {error}; fetch it again.") from error
    except OSError as error:
        raise UnfreezeError(f"{file} cannot be read ({error.strerror}).") from error


def _ends_with_newline(file: Path) -> bool:
    with file.open("rb") as content:
        content.seek(-1, io.SEEK_END)
        return content.read() in b"\r\n"


def _read(path: Path) -> Task[tuple[Texts, Texts]]:
    folder = path if path.is_dir() else path.parent
    train, test = files = folder / "train.csv", folder / "test.csv"
    for file in files:
        if not file.is_file():
            raise UnfreezeError(f"{path} has no {file.name}: give the folder that has both files.")
    return (yield from _read_file(train)), (yield from _read_file(test))


def _read_file(file: Path) -> Task[Texts]:
    texts, labels = [], []
    for text, label in read_rows(file):
        texts.append(text)
        labels.append(label)
        if len(texts) % _REPORT_EVERY == 0:
            yield Progress("reading", len(texts), None, "texts")
    for label, topic in enumerate(LABELS):
        if label not in labels:
            raise UnfreezeError(
                f"{file.name} has no row of class {topic}: fetch the official file."
            )
    return Texts(texts, labels)


def _files() -> dict[str, str]:
    url = paths.ag_news_url().rstrip("/")
    return {f"ag_news_csv/{name}": f"{url}/{name}" for name in ("train.csv", "test.csv")}


SPEC = DatasetSpec(
    name="ag_news",
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
    files=_files,
    checksums={
        f"{paths.OFFICIAL_AG_NEWS}/train.csv": (29_470_338, "b1a00f826fdfbd249f79597b59e1dc12"),
        f"{paths.OFFICIAL_AG_NEWS}/test.csv": (1_857_427, "d52ea96a97a2d943681189a97654912d"),
    },
)
