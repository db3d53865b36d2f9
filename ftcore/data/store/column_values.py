"""Values of columns as texts, labels and parts of the split."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ftcore import validation
from ftcore.data.store.card import NUMBERS, TRAIN
from ftcore.data.store.labels import is_missing
from ftcore.data.store.mapping import PART_OF
from ftcore.data.store.request import Request
from ftcore.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa


def texts(batch: "pa.RecordBatch", columns: Sequence[str], separator: str) -> "pa.Array":
    """Return the texts of one or more columns, joined; null where nothing but space is in them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    joined = None
    for name in columns:
        values = batch[name]
        if pa.types.is_list(values.type):
            values = pc.binary_join(values, " ")
        is_blank = pc.equal(pc.utf8_trim_whitespace(values), "")
        values = pc.if_else(is_blank, pa.scalar(None, values.type), values)
        if joined is not None:
            both = pc.binary_join_element_wise(joined, values, separator)
            values = pc.coalesce(both, joined, values)
        joined = values
    return joined


def named(values: "pa.Array", names: dict[str, str]) -> "pa.Array":
    """Return the names of numbers; what is no such number stays."""
    import pyarrow as pa

    encoded = values.dictionary_encode()
    known = [names.get(value.strip(), value) for value in encoded.dictionary.to_pylist()]
    return pa.array(known, pa.string()).take(encoded.indices)


def labels(values: "pa.Array", multi_label: bool, request: Request) -> "pa.Array":
    """Return labels, or lists of labels; null where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(values.type):
        return values
    missing = pa.array([is_missing(value) for value in values.to_pylist()], pa.bool_())
    values = pc.if_else(missing, pa.scalar(None, values.type), values)
    if not multi_label:
        return values
    if request.label_separator:
        return _split(values, request)
    offsets = pa.array(range(len(values) + 1), pa.int32())
    return pa.ListArray.from_arrays(offsets, values, mask=missing)


def _split(values: "pa.Array", request: Request) -> "pa.Array":
    """Return the labels in each value, without outer space; the separator alone is a list of none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = pc.split_pattern(values, request.label_separator)
    parts = pc.utf8_trim_whitespace(lists.flatten())
    named = pc.not_equal(parts, "")
    counts = np.bincount(pc.list_parent_indices(lists).filter(named), minlength=len(lists))
    offsets = pa.array(np.concatenate([[0], counts.cumsum()]), pa.int32())
    absent = None if request.empty_is_none else lists.is_null()
    return pa.ListArray.from_arrays(offsets, parts.filter(named), mask=absent)


def parts(values: "pa.Array", column: str) -> np.ndarray:
    """Return the parts that the values of a split column name; a row without one is for training."""
    known = {None: TRAIN}
    for value in values.unique().to_pylist():
        part = PART_OF.get((value or "train").strip().lower() or "train")
        if part is None:
            shown, name = (validation.printable(repr(each)) for each in (value, column))
            raise UsageError(
                f"The split column {name} has the value {shown}: it must have train, validation (or val, "
                "dev) and test. Name another one (--split), or correct it."
            )
        known[value] = NUMBERS[part]
    return np.array([known[value] for value in values.to_pylist()], np.uint8)
