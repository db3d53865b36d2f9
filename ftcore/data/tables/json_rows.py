"""Records of a JSON file as record batches: of an array or an object of records, or of columns.

A document cannot be read on behind a fault, so one that breaks off or is no JSON is refused.
"""

import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any

from ftcore.data.tables import batches, json_values, label_studio, layouts
from ftcore.data.tables.aside import Aside
from ftcore.data.tables.json_document import JsonDocument
from ftcore.data.tables.sources import Source
from ftcore.data.tables.table_format import TableFormat
from ftcore.data.tables.utf8 import Utf8Stream
from ftcore.errors import UnfreezeError

if TYPE_CHECKING:
    import pyarrow as pa

_LOOKED_AT = 10_000  # records that tell the columns


def recognize(source: Source, encoding: str, field: str = "") -> TableFormat:
    """Return where a document has its records, and their columns. Raises UnfreezeError.

    field: the one that has them, if there are several.
    """
    splits = tuple[str, ...]()
    try:
        if field:
            by_column, form = False, TableFormat("json", (), field=field)
            found = list(islice(_records(_document(source, encoding), form), _LOOKED_AT))
        else:
            field, by_column, found, splits = _find(_document(source, encoding))
    except ValueError as error:
        raise UnfreezeError(
            f"{source.name} cannot be read as JSON ({error}): correct it."
        ) from error
    columns, lists = json_values.columns_of([json_values.flatten(record) for record in found])
    form = TableFormat("json", columns, lists, field=field, by_column=by_column, splits=splits)
    return (
        replace(form, notes=(label_studio.NOTE,)) if any(map(label_studio.is_task, found)) else form
    )


def read(source: Source, form: TableFormat, aside: Aside) -> Iterator["pa.RecordBatch"]:
    """Yield the records with their numbers. Raises UnfreezeError."""
    rows = batches.Rows(form.columns, form.lists, aside)
    number = -1
    try:
        for number, record in enumerate(_records(_document(source, form.encoding), form)):
            rows.add(number, json_values.flatten(record))
            if rows.are_many:
                yield rows.batch()
    except ValueError as error:
        raise UnfreezeError(
            f"{source.name} cannot be read as JSON behind row {number:,} ({error}): "
            "correct it, or write it as JSON lines, of which broken ones are kept aside."
        ) from error
    yield rows.batch()


def _document(source: Source, encoding: str) -> JsonDocument:
    stream = io.BufferedReader(Utf8Stream(source, encoding))
    return JsonDocument(io.TextIOWrapper(stream, "utf-8", newline=""))


def _records(document: JsonDocument, form: TableFormat) -> Iterator[Any]:
    if form.by_column:
        columns = dict[str, list[Any]]()
        for key in document.fields():
            if document.peek() in "[{":
                columns[key] = list(document.values())
            else:
                document.value()
        for values in zip_longest(*columns.values()):
            yield dict(zip(columns, values, strict=True))
    elif form.field:
        for key in document.fields():
            if key == form.field:
                yield from document.values()
            else:
                document.value()
    else:
        yield from document.values()


def _find(document: JsonDocument) -> tuple[str, bool, list[Any], tuple[str, ...]]:
    """Return the field that has the records ("" if none), whether the fields are columns instead,
    the first records, and the fields that have those of a split.
    """
    if document.peek() != "{":
        return "", False, list(islice(document.values(), _LOOKED_AT)), ()
    records: dict[str, list[Any]] = {}
    columns: dict[str, list[Any]] = {}
    objects: dict[str, dict[str, Any]] = {}
    for key in document.fields():
        if document.peek() == "[":
            values = document.values()
            first = list(islice(values, _LOOKED_AT))
            is_record = first and (
                isinstance(first[0], dict) or (isinstance(first[0], list) and layouts.split_of(key))
            )
            (records if is_record else columns)[key] = first
            if is_record and len(first) == _LOOKED_AT and not layouts.split_of(key):
                return key, False, first, ()
            for _ in values:
                pass
        elif document.peek() == "{" and len(objects) < _LOOKED_AT:
            objects[key] = document.value()
        else:
            document.value()
    if records:
        key = max(records, key=lambda key: len(records[key]))
        splits = [name for name in records if layouts.split_of(name)]
        return key, False, records[key], tuple(splits) if layouts.are_splits(splits) else ()
    # pandas writes columns as objects of values by row, and with orient="index" rows as objects.
    if not columns and any("0" in values for values in objects.values()) and "0" not in objects:
        columns = {key: list(values.values())[:_LOOKED_AT] for key, values in objects.items()}
    if not columns:
        return "", False, list(objects.values()), ()
    rows = zip_longest(*columns.values())
    return "", True, [dict(zip(columns, values, strict=True)) for values in rows], ()
