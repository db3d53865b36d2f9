"""Rows of a CSV file as record batches, by pyarrow's parser; rows of other lengths are kept aside."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ftcore.data.tables import batches
from ftcore.data.tables.aside import Aside
from ftcore.data.tables.sources import Source
from ftcore.data.tables.table_format import ROW, TableFormat
from ftcore.data.tables.utf8 import Utf8Stream
from ftcore.errors import UnfreezeError
from ftcore.formatting import size

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.csv import InvalidRow

BLOCK = 4_000_000  # bytes that are parsed at a time, and the most that a row can have
_LARGE = 16  # blocks that are parsed at a time from a longer row on
_SWALLOWED = 0.9  # share of the lines in a row that are rows, as behind an open quotation mark
_LEAST = 20  # lines in a row, for its lines to be looked at
_STRADDLES = "straddl"  # in pyarrow's error for a row that does not end within a block


def read(source: Source, form: TableFormat, aside: Aside) -> Iterator["pa.RecordBatch"]:
    """Yield the rows below the header, with their numbers. Raises UnfreezeError.

    A row of more than BLOCK bytes is kept aside. pyarrow cannot pass it by, so the file is parsed anew, in
    larger blocks.
    """
    import pyarrow as pa

    above = form.above + 1 if form.header else 0
    numbers = _Numbers(above)
    try:
        try:
            yield from _rows(source, form, aside, numbers, BLOCK)
        except pa.ArrowInvalid as error:
            if _STRADDLES not in str(error):
                raise
            source.rewind()
            numbers = _Numbers(above, numbers.next, numbers.reported)
            yield from _rows(source, form, aside, numbers, _LARGE * BLOCK)
    except pa.ArrowException as error:
        reason = _STRADDLES if numbers.swallowing else str(error)
        raise _unreadable(source, max(numbers.next, numbers.first), reason) from error


def _rows(
    source: Source, form: TableFormat, aside: Aside, numbers: "_Numbers", block: int
) -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa
    from pyarrow import csv

    def keep_aside(row: "InvalidRow") -> str:
        number = numbers.skip(row.number)
        if number > numbers.reported and number >= 0:
            numbers.reported = number
            has = "1 column" if row.actual_columns == 1 else f"{row.actual_columns} columns"
            reason = f"{has} instead of {row.expected_columns}"
            if _holds_rows(row.text, form):
                if len(row.text) > BLOCK:
                    numbers.swallowing = True
                    return "error"
                lines = row.text.count("\n")
                reason += f", over {lines:,} lines, as where a quotation mark is not closed"
            aside.add(number, reason, row.text)
        return "skip"

    stream = Utf8Stream(source, form.encoding)
    names = [str(position) for position in range(len(form.columns))]
    with csv.open_csv(
        pa.PythonFile(io.BufferedReader(stream, BLOCK), "r"),
        csv.ReadOptions(use_threads=False, block_size=block, column_names=names),
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
            new = rows >= numbers.first
            below = batch.slice(len(rows) - int(new.sum()))
            numbered = batches.numbered(below.columns, form.columns, rows[new])
            yield _without_long(numbered, source, form, aside)


def _without_long(
    batch: "pa.RecordBatch", source: Source, form: TableFormat, aside: Aside
) -> "pa.RecordBatch":
    """Keep rows of more than BLOCK bytes aside. Raises UnfreezeError if one has swallowed others."""
    import pyarrow as pa
    from pyarrow import compute

    if batch.nbytes <= BLOCK:
        return batch
    lengths = np.zeros(len(batch), np.int64)
    for column in batch.columns[:-1]:
        lengths += compute.binary_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    is_long = lengths > BLOCK
    for place in np.flatnonzero(is_long).tolist():
        row = batch.slice(place, 1).to_pylist()[0]
        number = row.pop(ROW)
        text = form.delimiter.join(value or "" for value in row.values())
        if _holds_rows(text, form):
            raise _unreadable(source, number, _STRADDLES)
        aside.add(number, f"more than {size(BLOCK)}", text)
    return batch.filter(pa.array(~is_long)) if is_long.any() else batch


def _holds_rows(text: str, form: TableFormat) -> bool:
    """Whether the lines of a text have as many columns as the table."""
    lines = text.splitlines()
    rows = sum(line.count(form.delimiter) == len(form.columns) - 1 for line in lines)
    return len(lines) >= _LEAST and rows >= _SWALLOWED * len(lines)


def _unreadable(source: Source, number: int, error: str) -> UnfreezeError:
    is_open = _STRADDLES in error
    reason = "a row of many MB, as where a quotation mark is not closed" if is_open else error
    return UnfreezeError(
        f"{source.name} cannot be read beyond row {number:,} ({reason.partition(chr(10))[0]}): "
        "correct the row, or name another delimiter."
    )


@dataclass
class _Numbers:
    """The numbers of the rows that pyarrow returns, as it numbers only those that it skips.

    Attributes:
        above: rows above the first one, the header's included.
        first: the number of the first row that is wanted; those before it were read already.
        reported: the number of the last row that was kept aside.
        swallowing: whether a row has more than BLOCK bytes of other rows in it.
    """

    above: int
    first: int = 0
    reported: int = -1
    swallowing: bool = False
    _position: int = 0
    _skipped: list[int] = field(default_factory=list)

    @property
    def next(self) -> int:
        """The number of the row after those taken."""
        return self._position - self.above

    def skip(self, physical: int) -> int:
        """Note that a row is skipped, and return its number; negative for one above the first."""
        self._skipped.append(physical - 1)
        return physical - 1 - self.above

    def take(self, count: int) -> np.ndarray:
        """Return the numbers of the next rows that are not skipped."""
        positions = np.arange(self._position, self._position + count + len(self._skipped))
        taken = positions[~np.isin(positions, self._skipped)][:count]
        if count:
            self._position = int(taken[-1]) + 1
        self._skipped = [number for number in self._skipped if number >= self._position]
        return taken - self.above
