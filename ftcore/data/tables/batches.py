"""Record batches of texts: from rows of Python values, and without what is missing or undecodable."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ftcore.data.tables.aside import Aside
from ftcore.data.tables.json_values import Value
from ftcore.data.tables.table_format import ROW
from ftcore.data.tables.utf8 import MARK

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, CHARACTERS = 16_384, 4_000_000  # of a batch, roughly
MISSING = ("", "NaN", "nan", "null", "NULL", "<NA>", "#N/A")  # "None" and "NA" may be labels


class Rows:
    """Rows of Python values, collected into batches."""

    def __init__(self, columns: Sequence[str], lists: Sequence[str], aside: Aside) -> None:
        self._columns, self._lists, self._aside = tuple(columns), frozenset(lists), aside
        self._start_anew()

    def add(self, number: int, fields: Mapping[str, Value]) -> None:
        """Add a row; columns of texts and of lists get what they hold."""
        for column, values in self._values.items():
            value = fields.get(column)
            if column in self._lists:
                value = [value] if isinstance(value, str) else value
            elif value is not None:
                value = json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
                self._characters += len(value)
            values.append(value)
        self._numbers.append(number)

    @property
    def are_many(self) -> bool:
        """Whether it is time for a batch."""
        return len(self._numbers) >= ROWS or self._characters >= CHARACTERS

    def batch(self) -> "pa.RecordBatch":
        """Return the rows since the last batch; rows with half of a surrogate pair are kept aside."""
        try:
            result = self._batch()
        except UnicodeEncodeError:
            self._drop_half_characters()
            result = self._batch()
        self._start_anew()
        return result

    def _start_anew(self) -> None:
        self._values: dict[str, list[Value]] = {column: [] for column in self._columns}
        self._numbers: list[int] = []
        self._characters = 0

    def _batch(self) -> "pa.RecordBatch":
        import pyarrow as pa

        text, texts = pa.string(), pa.list_(pa.string())
        arrays = [
            pa.array(values, texts if column in self._lists else text)
            for column, values in self._values.items()
        ]
        return numbered(arrays, self._columns, np.array(self._numbers, np.int64))

    def _drop_half_characters(self) -> None:
        rows = list(zip(*self._values.values(), strict=True))
        whole = []
        for position, (number, values) in enumerate(zip(self._numbers, rows, strict=True)):
            text = json.dumps(values, ensure_ascii=False)
            try:
                text.encode()
                whole.append(position)
            except UnicodeEncodeError:
                self._aside.add(number, "half of a surrogate pair, which is no character", text)
        self._numbers = [self._numbers[position] for position in whole]
        self._values = {
            column: [values[position] for position in whole]
            for column, values in self._values.items()
        }


def numbered(
    arrays: Sequence["pa.Array"], names: Sequence[str], numbers: np.ndarray
) -> "pa.RecordBatch":
    """Return a batch of columns and the rows' numbers."""
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([*arrays, pa.array(numbers, pa.int64())], [*names, ROW])


def completed(batch: "pa.RecordBatch", start: int, given: Mapping[str, str]) -> "pa.RecordBatch":
    """Add columns of which all rows have the same value, null for "", and count the rows from a start."""
    import pyarrow as pa
    from pyarrow import compute

    for name, value in given.items():
        column = pa.array([value or None], pa.string()).take(pa.array([0] * len(batch), pa.int8()))
        batch = batch.append_column(name, column)
    if start:
        rows = compute.add(batch[ROW], start)
        batch = batch.set_column(batch.schema.get_field_index(ROW), ROW, rows)
    return batch


def without_undecodable(batch: "pa.RecordBatch", encoding: str, aside: Aside) -> "pa.RecordBatch":
    """Keep rows aside that have bytes which do not fit the encoding."""
    import pyarrow as pa
    from pyarrow import compute

    marked = np.zeros(len(batch), bool)
    for column in batch.columns:
        if pa.types.is_list(column.type):
            found = compute.match_substring(compute.list_flatten(column), MARK).fill_null(False)
            marked[compute.list_parent_indices(column).filter(found)] = True
        elif pa.types.is_string(column.type):
            found = compute.match_substring(column, MARK).fill_null(False)
            marked |= found.to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(marked).tolist():
        values = batch.slice(row, 1).to_pylist()[0]
        text = " ".join(str(value) for name, value in values.items() if name != ROW and value)
        aside.add(values[ROW], f"bytes that are not {encoding}", text)
    return batch.filter(pa.array(~marked)) if marked.any() else batch


def with_nulls(batch: "pa.RecordBatch") -> tuple["pa.RecordBatch", int]:
    """Replace what stands for a missing value by null; return how many were not empty texts."""
    import pyarrow as pa
    from pyarrow import compute

    arrays, written = [], 0
    words = pa.array(MISSING)
    for column in batch.columns:
        if pa.types.is_string(column.type):
            is_missing = compute.is_in(column, words)
            count = compute.sum(is_missing).as_py() or 0
            if count:
                empty = compute.sum(compute.equal(column, "")).as_py() or 0
                written += count - empty
                column = compute.if_else(is_missing, pa.scalar(None, pa.string()), column)
        arrays.append(column)
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema), written
