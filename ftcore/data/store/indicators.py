"""Columns of 1 and 0, each of which says whether a text has the label that the column is named after."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ftcore import validation
from ftcore.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

_YES, _NO = ("1", "1.0", "true", "True", "TRUE"), ("0", "0.0", "false", "False", "FALSE")
_UNKNOWN = "-1"  # of a text that nobody judged
_LEAST = 3  # columns side by side that are taken for labels; two may be facts of another kind


def find(sample: Mapping[str, Sequence[object]]) -> tuple[str, ...]:
    """Return the most columns side by side that hold 1 or 0 alone; none if they are too few."""
    runs = [
        tuple(name for name, _ in run)
        for is_indicator, run in groupby(sample.items(), lambda item: _holds_indicators(item[1]))
        if is_indicator
    ]
    longest = max(runs, key=len, default=())
    varied = [name for name in longest if any(value in _YES for value in sample[name])]
    return longest if len(longest) >= _LEAST and len(varied) > 1 else ()


def check(names: Sequence[str], sample: Mapping[str, Sequence[object]]) -> None:
    """Raise UsageError unless each of the named columns has 1 or 0 in some row."""
    for name in names:
        values = [value for value in sample[name] if value]
        if values and not any(value in _YES + _NO for value in values):
            shown, value = validation.printable(repr(name)), validation.printable(repr(values[0]))
            raise UsageError(
                f"The column {shown} has the value {value}: several columns of labels have 1 or 0 (or true "
                "and false) in each. Name one column (--label)."
            )


def lists(batch: "pa.RecordBatch", names: Sequence[str]) -> "pa.ListArray":
    """Return the names of the columns that say 1, for each row.

    Null where a column says neither 1 nor 0.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    def matches(values: Sequence[str]) -> np.ndarray:
        known = pa.array(values)
        columns = [pc.is_in(batch[name], known).to_numpy(zero_copy_only=False) for name in names]
        return np.stack(columns, axis=1)

    has, has_not = matches(_YES), matches(_NO)
    unknown = ~(has | has_not).all(axis=1)
    has[unknown] = False
    offsets = pa.array(np.concatenate([[0], has.sum(axis=1).cumsum()]), pa.int32())
    values = pa.array(names, pa.string()).take(pa.array(np.nonzero(has)[1]))
    return pa.ListArray.from_arrays(offsets, values, mask=pa.array(unknown))


def labels_of_rows(
    sample: Mapping[str, Sequence[object]], names: Sequence[str]
) -> list[str | list[str] | None]:
    """Return the labels of some rows, as lists."""
    columns = zip(*(sample[name] for name in names), strict=True)
    return [
        [name for name, value in zip(names, row, strict=True) if value in _YES] for row in columns
    ]


def _holds_indicators(values: Sequence[object]) -> bool:
    present = [value for value in values if value and value != _UNKNOWN]
    return bool(present) and all(value in _YES + _NO for value in present)
