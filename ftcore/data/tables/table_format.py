"""What is known of a file of a table before it is read, and what is kept of reading it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["csv", "json", "jsonl", "parquet", "xlsx", "folder", "text", "parallel"]
ROW = "#row"  # the column that batches have beside those of the file; no file has one of this name
MAX_EXCERPT = 200  # characters of a bad row that are kept


@dataclass(frozen=True)
class TableFormat:
    """How a file is read: what `recognition.recognize` found, and what a user corrected.

    Attributes:
        columns: their names in order; nested fields of JSON are joined with dots.
        lists: those of the columns that hold lists of texts; the others hold texts.
        from_names: those that are read from the names of files and folders: "label", "split".
        labels: how labels stand before the texts in a text file, "fasttext" or "trec"; "" if they do not.
        encoding: of text files, as Python names it; "" for other files.
        delimiter: of the columns of a CSV file.
        quote: the quotation mark of a CSV file; "" if quotation marks are ordinary characters.
        escape: what stands before a quotation mark inside a quoted value; "" if it is doubled.
        header: whether the first row holds the names of the columns.
        above: rows above the header, which are left out.
        field: of a JSON document, the one that has the records; "" if the document itself has them.
        by_column: whether a JSON document has a list for each column in place of records.
        sheet: of a spreadsheet.
        splits: sheets or fields with a table each, if their names are those of a split.
        compression: "gzip", "zip", …; "" for none.
        files: of a table in several files, the name and form of each, without what names say.
        class_names: numbers and names of classes in a file beside the table, see `class_names`.
        notes: sentences about what was found.
    """

    kind: Kind
    columns: tuple[str, ...]
    lists: tuple[str, ...] = ()
    from_names: tuple[str, ...] = ()
    labels: str = ""
    encoding: str = ""
    delimiter: str = ""
    quote: str = ""
    escape: str = ""
    header: bool = False
    above: int = 0
    field: str = ""
    by_column: bool = False
    sheet: str = ""
    splits: tuple[str, ...] = ()
    compression: str = ""
    files: "tuple[tuple[str, TableFormat], ...]" = ()
    class_names: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BadRow:
    """A row that was kept aside: its number in the file (0-based, without the header), and why."""

    row: int
    reason: str
    excerpt: str


@dataclass(frozen=True)
class TableRead:
    """The outcome of reading a file, beside its batches.

    Attributes:
        rows: of the file, the bad ones included.
        bad: how many were kept aside.
        aside: the bad rows; the first `reading.MAX_ASIDE` if there are more.
        notes: sentences about what was read otherwise than it stands in the file.
    """

    rows: int
    bad: int
    aside: tuple[BadRow, ...]
    notes: tuple[str, ...] = ()


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of columns: those without one are numbered, and repeated ones, too."""
    taken: dict[str, None] = {}
    for position, given in enumerate(names, 1):
        name = base = given or f"column {position}"
        number = 1
        while name in taken:
            number += 1
            name = f"{base} ({number})"
        taken[name] = None
    return tuple(taken)
