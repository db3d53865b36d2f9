"""Records of a file of JSON lines as record batches; lines that are no JSON are kept aside."""

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ftcore.data.tables import batches, json_values
from ftcore.data.tables.aside import Aside
from ftcore.data.tables.sources import Source
from ftcore.data.tables.table_format import TableFormat
from ftcore.data.tables.utf8 import Utf8Stream
from ftcore.formatting import size

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_LINE = 50_000_000  # bytes


def read(source: Source, form: TableFormat, aside: Aside) -> Iterator["pa.RecordBatch"]:
    """Yield the records with their numbers; blank lines are no records."""
    lines = io.BufferedReader(Utf8Stream(source, form.encoding), 1 << 20)
    rows = batches.Rows(form.columns, form.lists, aside)
    number = 0
    while line := lines.readline(_MAX_LINE):
        if line.isspace():
            continue
        try:
            if len(line) >= _MAX_LINE:
                raise ValueError(f"a line of {size(_MAX_LINE)} or more")
            rows.add(number, json_values.flatten(json_values.parse(line)))
        except ValueError as error:
            aside.add(number, _reason(error), line[:1000].decode("utf-8", "replace"))
        number += 1
        if rows.are_many:
            yield rows.batch()
    yield rows.batch()


def _reason(error: ValueError) -> str:
    """Say why a line is kept aside."""
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON ({json_values.fault(error)} at character {error.pos + 1:,})"
    return str(error)
