"""Rows of a CSV file as record batches, by pyarrow's parser; rows of other lengths are kept aside."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ftcore.data.tables import batches
from ftcore.data.tables.aside import Aside
from ftcore.data.tables.sources import Source
from ftcore.data.tables.table_format import TableFormat
from ftcore.data.tables.utf8 import Utf8Stream
from ftcore.errors import UnfreezeError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.csv import InvalidRow

BLOCK = 4_000_000  # bytes that are parsed at a time, and so the most that a row can have


def read(source: Source, form: TableFormat, aside: Aside) -> Iterator["pa.RecordBatch"]:
    """Yield the rows below the header, with their numbers. Raises UnfreezeError."""
    import pyarrow as pa
    from pyarrow import csv

    numbers = _Numbers(form.above + 1 if form.header else 0)

    def keep_aside(row: "InvalidRow") -> str:
        number = numbers.skip(row.number)
        if number >= 0:
            has = "1 column" if row.actual_columns == 1 else f"{row.actual_columns} columns"
            aside.add(number, f"{has} instead of {row.expected_columns}", row.text)
        return "skip"

    stream = Utf8Stream(source, form.encoding)
    names = [str(position) for position in range(len(form.columns))]
    try:
        with csv.open_csv(
            pa.PythonFile(io.BufferedReader(stream, BLOCK), "r"),
            csv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=names),
            csv.ParseOptions(
                delimiter=form.delimiter,
                quote_char=form.quote or False,
                escape_char=form.escape or False,
                newlines_in_values=bool(form.quote),
                invalid_row_handler=keep_aside,
            ),
            csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), check_utf8=False),
        ) as reader:
            for batch in reader:
                rows = numbers.take(len(batch))
                below = batch.slice(len(rows) - int((rows >= 0).sum()))
                yield batches.numbered(below.columns, form.columns, rows[rows >= 0])
    except pa.ArrowException as error:
        raise UnfreezeError(
            f"{source.name} cannot be read beyond row {numbers.next:,} ({_reason(str(error))}): "
            "correct the row, or name another delimiter."
        ) from error


def _reason(error: str) -> str:
    if "straddl" in error:  # pyarrow's words for a row that does not end within a block
        return "a row of many MB, as where a quotation mark is not closed"
    return error.partition("\n")[0]


class _Numbers:
    """The numbers of the rows that pyarrow returns, as it numbers only those that it skips."""

    def __init__(self, above: int) -> None:
        self._above = above  # rows above the first one, the header's included
        self._position = 0
        self._skipped: list[int] = []

    @property
    def next(self) -> int:
        """The number of the row after those taken."""
        return self._position - self._above

    def skip(self, physical: int) -> int:
        """Note that a row is skipped, and return its number; negative for one above the first."""
        self._skipped.append(physical - 1)
        return physical - 1 - self._above

    def take(self, count: int) -> np.ndarray:
        """Return the numbers of the next rows that are not skipped."""
        positions = np.arange(self._position, self._position + count + len(self._skipped))
        taken = positions[~np.isin(positions, self._skipped)][:count]
        if count:
            self._position = int(taken[-1]) + 1
        self._skipped = [number for number in self._skipped if number >= self._position]
        return taken - self._above
