"""Rows that cannot be used, kept aside with a reason while the others are read."""

from dataclasses import dataclass, field

from ftcore.data.tables.table_format import MAX_EXCERPT, BadRow
from ftcore.data.tables.utf8 import MARK
from ftcore.validation import printable

MAX_ASIDE = 100_000  # rows that are kept; more are only counted


@dataclass
class Aside:
    """The bad rows of a file so far."""

    rows: list[BadRow] = field(default_factory=list)
    count: int = 0

    def add(self, row: int, reason: str, text: str) -> None:
        """Keep a row aside; `text` is how it stands in the file."""
        self.count += 1
        if len(self.rows) < MAX_ASIDE:
            excerpt = printable(text[: MAX_EXCERPT + 1].replace(MARK, "\N{REPLACEMENT CHARACTER}"))
            self.rows.append(BadRow(row, reason, excerpt))
