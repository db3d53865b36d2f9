"""Rows of a Parquet file as record batches: nested fields as columns of their own, all values as texts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.data.tables import batches
from ftcore.data.tables.aside import Aside
from ftcore.data.tables.sources import Source
from ftcore.data.tables.table_format import TableFormat
from ftcore.errors import UnfreezeError
from ftcore.formatting import listing
from ftcore.validation import printable

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

_ROWS = 4096  # of a batch


def recognize(source: Source) -> TableFormat:
    """Return the columns of a file. Raises UnfreezeError."""
    with _opened(source) as file:
        schema = file.schema_arrow
    fields = list(_flatten(schema.empty_table()).schema)
    texts = [field for field in fields if not _is_binary(field.type)]
    notes = list[str]()
    if left_out := [field.name for field in fields if _is_binary(field.type)]:
        notes.append(f"Columns of bytes are left out: {printable(listing(left_out))}.")
    if named := _class_names(schema).keys() & {field.name for field in texts}:
        notes.append(
            f"The numbers in {printable(listing(sorted(named)))} are replaced by the classes' names, "
            "which the file states."
        )
    return TableFormat(
        "parquet",
        tuple(field.name for field in texts),
        tuple(field.name for field in texts if _is_list_of_values(field.type)),
        notes=tuple(notes),
    )


def read(source: Source, form: TableFormat, aside: Aside) -> Iterator["pa.RecordBatch"]:
    """Yield the rows with their numbers. Raises UnfreezeError."""
    import pyarrow as pa

    with _opened(source) as file:
        source.total = file.metadata.num_rows
        names = _class_names(file.schema_arrow)
        roots = {column.partition(".")[0] for column in form.columns} | set(form.columns)
        wanted = [name for name in file.schema_arrow.names if name in roots]
        start = 0
        try:
            for batch in file.iter_batches(_ROWS, columns=wanted):
                table = _flatten(pa.Table.from_batches([batch]))
                columns = [
                    _as_texts(table[column].combine_chunks(), names.get(column))
                    for column in form.columns
                ]
                numbers = np.arange(start, start + len(batch))
                start += len(batch)
                yield batches.numbered(columns, form.columns, numbers)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(source, error) from error


@contextmanager
def _opened(source: Source) -> Iterator["ParquetFile"]:
    import pyarrow as pa
    from pyarrow import parquet

    with source.random_access() as content:
        try:
            file = parquet.ParquetFile(content, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(source, error) from error
        with file:
            yield file


def _unreadable(source: Source, error: Exception) -> UnfreezeError:
    reason = str(error).partition("\n")[0]
    return UnfreezeError(
        f"{source.name} cannot be read as Parquet ({printable(reason)}): fetch it again."
    )


def _flatten(table: "pa.Table") -> "pa.Table":
    """Replace columns of structures by one of each field, named with dots."""
    import pyarrow as pa

    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _is_binary(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return (
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _is_list_of_values(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    is_list = (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )
    return is_list and not pa.types.is_nested(kind.value_type) and not _is_binary(kind.value_type)


def _as_texts(column: "pa.Array", names: list[str] | None) -> "pa.Array":
    """Return a column as texts, or lists of texts; numbers are names' positions if there are names."""
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if _is_list_of_values(column.type):
        column = column.cast(pa.list_(column.type.value_type))
        values = _as_texts(column.flatten(), names)
        sizes = compute.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
        offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
        return pa.ListArray.from_arrays(offsets, values, mask=column.is_null())
    if pa.types.is_nested(column.type):
        texts = [None if value is None else _json(value) for value in column.to_pylist()]
        return pa.array(texts, pa.string())
    if names and pa.types.is_integer(column.type):
        known = compute.if_else(
            compute.and_(compute.greater_equal(column, 0), compute.less(column, len(names))),
            column,
            None,
        )
        return pa.array(names, pa.string()).take(known)
    if pa.types.is_floating(column.type):
        column = compute.if_else(compute.is_nan(column), None, column)
    return column.cast(pa.string())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _class_names(schema: "pa.Schema") -> dict[str, list[str]]:
    """Return the names of classes that the package datasets states in a file, by column."""
    try:
        stated = json.loads((schema.metadata or {})[b"huggingface"])
        features = stated["info"]["features"]
        names = {column: _names_of(feature) for column, feature in features.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}
    return {column: given for column, given in names.items() if given}


def _names_of(feature: Any) -> list[str]:
    """Return the names of a feature's classes, or of those in its lists."""
    while isinstance(feature, dict) and "feature" in feature:
        feature = feature["feature"]
    names = feature.get("names") if isinstance(feature, dict) else None
    return [str(name) for name in names] if isinstance(names, list) else []
