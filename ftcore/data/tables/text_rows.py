"""Lines of a text file as record batches: one text a line, blank lines left out."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ftcore.data.tables import batches
from ftcore.data.tables.aside import Aside
from ftcore.data.tables.sources import Source
from ftcore.data.tables.table_format import TableFormat
from ftcore.data.tables.utf8 import Utf8Stream

if TYPE_CHECKING:
    import pyarrow as pa

COLUMN = "text"


def read(source: Source, form: TableFormat, aside: Aside) -> Iterator["pa.RecordBatch"]:
    """Yield the lines with their numbers."""
    stream = io.BufferedReader(Utf8Stream(source, form.encoding), 1 << 20)
    rows = batches.Rows((COLUMN,), (), aside)
    number = 0
    for line in stream:
        if text := line.decode("utf-8").strip():
            rows.add(number, {COLUMN: text})
            number += 1
        if rows.are_many:
            yield rows.batch()
    yield rows.batch()
