"""CSV files with the sins of real ones, written from rows of texts and labels.

The rows are written by us (`reviews`, `news`) or read from the real data (`imdb`, `ag_news`).
"""

import csv
import io
import tarfile
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from ftcore.data import sample


class Row(NamedTuple):
    text: str
    label: str
    split: str = "train"


@dataclass(frozen=True)
class Sins:
    """What is wrong with a file, or unusual about it."""

    delimiter: str = ","
    encoding: str = "utf-8"  # utf-8-sig begins with a BOM; what a text has beyond it becomes "?"
    line_end: str = "\r\n"
    header: bool = True
    index: bool = False  # a first column without a name that counts the rows, as pandas writes it
    split: bool = False  # a column that says train, validation or test
    untidy_labels: bool = False  # "pos" becomes "pos ", "Pos" and "POS" in turns
    quote_all: bool = False


GERMAN_EXCEL = Sins(delimiter=";", encoding="cp1252", untidy_labels=True)
PANDAS = Sins(index=True, split=True, line_end="\n")
WINDOWS = Sins(encoding="utf-8-sig", quote_all=True)
TABS = Sins(delimiter="\t", header=False, line_end="\n")

# Each must survive a round trip: quotes, delimiters and line breaks inside, accents, a formula.
AWKWARD = [
    Row('He said "worth it", twice; I agree.', "pos"),
    Row("First line.\nSecond line, with a comma.\n\nAnd a third.", "pos"),
    Row("Café, naïve, Müller; a “typographic” dash — and 20 €.", "pos"),
    Row("=SUM(A1:A9) is all the script amounts to", "neg"),
    Row("  too many spaces\tand a tab  ", "neg"),
    Row('"', "neg"),
]
NEWS = {
    "World": [
        "Talks on the border resume after a week of silence",
        "Voters wait for hours as the island elects a new parliament",
        "Envoy calls for calm, and both sides say they listen",
        "Floods leave two valleys without a road",
    ],
    "Sports": [
        "Late goal sends the hosts to the final",
        "Champion withdraws with an injured wrist",
        "Record crowd sees the relay fall by a tenth of a second",
        "Coach blames the pitch, captain blames the coach",
    ],
    "Business": [
        "Oil falls below 40 dollars for the first time this year",
        "Chain of bakeries is sold to its staff",
        "Shares rise on hopes of a lower rate",
        "Airline orders 30 aircraft and drops two routes",
    ],
    "Sci/Tech": [
        "Probe sends its first picture from the far side",
        "New chip halves the power of a phone",
        "Bug let strangers read the notes of others",
        "Bees find the shortest way, a study says",
    ],
}


def reviews(size: int = 200, test_size: int = 40) -> list[Row]:
    """Synthetic reviews and the awkward ones, in two classes."""
    train, labels, test, test_labels = sample.generate(1, size, test_size)
    rows = [Row(text, ("neg", "pos")[y]) for text, y in zip(train, labels, strict=True)]
    rows += [
        Row(text, ("neg", "pos")[y], "test") for text, y in zip(test, test_labels, strict=True)
    ]
    return rows + AWKWARD


def news() -> list[Row]:
    """Short titles in four classes, the last of each in the test part."""
    rows = []
    for topic, titles in NEWS.items():
        rows += [Row(title, topic) for title in titles[:-1]]
        rows.append(Row(titles[-1], topic, "test"))
    return rows


def imdb(shared_data: Path, size: int) -> list[Row]:
    """The first reviews of each class and split of the real archive, `size` in all."""
    left = {
        f"{split}/{label}": size // 4 for split in ("train", "test") for label in ("neg", "pos")
    }
    rows = []
    with tarfile.open(shared_data / "aclImdb.tar.gz") as tar:
        for member in filter(tarfile.TarInfo.isreg, tar):
            split, label = Path(member.name).parts[-3:-1]
            if left.get(f"{split}/{label}"):
                left[f"{split}/{label}"] -= 1
                rows.append(Row(tar.extractfile(member).read().decode(), label, split))
            if not any(left.values()):
                break
    return rows


def ag_news(shared_data: Path, size: int, titles: bool = False) -> list[Row]:
    """The first rows of both real files, `size` of each: title and description, or the title alone."""
    rows = []
    for split in ("train", "test"):
        with (shared_data / "ag_news_csv" / f"{split}.csv").open(newline="") as file:
            for topic, title, description in islice(csv.reader(file), size):
                text = title if titles else f"{title} {description}"
                rows.append(Row(text, list(NEWS)[int(topic) - 1], split))
    return rows


def with_rare_class(rows: list[Row], label: str = "mixed") -> list[Row]:
    """Add a class of two texts."""
    return [*rows, Row("Good and bad in equal parts.", label), Row("I cannot decide.", label)]


def with_copies_across_split(rows: list[Row], count: int) -> list[Row]:
    """Repeat the first test texts in the training part, in other case and spacing."""
    test = [row for row in rows if row.split == "test"][:count]
    return rows + [row._replace(text=f" {row.text.upper()}\n", split="train") for row in test]


def write(path: Path, rows: list[Row], sins: Sins = Sins()) -> Path:
    """Write rows to a CSV file with the columns review and sentiment, and those of its sins."""
    columns = [
        *([""] if sins.index else []),
        "review",
        "sentiment",
        *(["split"] if sins.split else []),
    ]
    lines = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if sins.quote_all else csv.QUOTE_MINIMAL
    writer = csv.writer(
        lines, delimiter=sins.delimiter, lineterminator=sins.line_end, quoting=quoting
    )
    if sins.header:
        writer.writerow(columns)
    spellings = cycle((str, "{} ".format, str.capitalize, str.upper))
    for number, (row, spelling) in enumerate(zip(rows, spellings, strict=False)):
        label = spelling(row.label) if sins.untidy_labels else row.label
        values = [row.text, label, *([row.split] if sins.split else [])]
        writer.writerow([number, *values] if sins.index else values)
    path.write_bytes(lines.getvalue().encode(sins.encoding, "replace"))
    return path
