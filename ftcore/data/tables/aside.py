"""Rows that cannot be used, kept aside with a reason while the others are read."""

from dataclasses import dataclass, field

from ftcore.data.tables.table_format import MAX_EXCERPT, BadRow
from ftcore.data.tables.utf8 import MARK
from ftcore.validation import printable

MAX_ASIDE = 100_000  # rows that are kept; more are only counted


@dataclass
class Aside:
    """The bad rows of a table so far.

    Attributes:
        notes: sentences about what was read otherwise than it stands in the file.
        start: the number of the first row of the file that is being read; there may be several.
        file: its name if there are several.
    """

    rows: list[BadRow] = field(default_factory=list)
    count: int = 0
    notes: list[str] = field(default_factory=list)
    start: int = 0
    file: str = ""

    def add(self, row: int, reason: str, text: str) -> None:
        """Keep a row of the present file aside; `text` is how it stands there."""
        self.count += 1
        if len(self.rows) < MAX_ASIDE:
            excerpt = printable(text[: MAX_EXCERPT + 1].replace(MARK, "\N{REPLACEMENT CHARACTER}"))
            where = f"{printable(self.file)}: " if self.file else ""
            self.rows.append(BadRow(self.start + row, where + reason, excerpt))
