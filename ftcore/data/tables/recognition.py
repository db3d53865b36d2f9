"""What kind of table a file holds and how it is written: guessed from its first part, and correctable."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ftcore.data.tables import dialects, encodings, json_rows, json_values, sources
from ftcore.data.tables.table_format import TableFormat
from ftcore.errors import UsageError
from ftcore.validation import printable

_SAMPLE = 1_000_000  # bytes


def recognize(
    path: Path, encoding: str = "", delimiter: str = "", header: bool | None = None
) -> TableFormat:
    """Return how to read a file. Raises UnfreezeError if it holds no table.

    `encoding` and `delimiter` ("" if unknown) and `header` (None) are what a user says.
    """
    if encoding:
        encoding = encodings.check(encoding)
    if len(delimiter) > 1 or delimiter in ("\n", "\r", '"'):
        raise UsageError(
            f"{printable(delimiter)!r} cannot be a delimiter: give one character, such as ;."
        )
    sample, compression = sources.sample(path, _SAMPLE)
    notes: tuple[str, ...] = ()
    if not encoding:
        encoding, notes = encodings.recognize(sample, sources.shown(path))
    text = encodings.decode(sample, encoding)
    is_cut = len(sample) == _SAMPLE
    if not text.strip():
        raise sources.no_rows(path)
    records = _json_lines(text, is_cut)
    if records:
        columns, lists = json_values.columns_of(records)
        return TableFormat("jsonl", columns, lists, encoding, compression=compression, notes=notes)
    if text.lstrip().startswith(("{", "[")):
        with sources.opened(path) as source:
            form = json_rows.recognize(source, encoding)
        return replace(form, compression=compression, notes=notes)
    dialect = dialects.recognize(text, is_cut, delimiter, header)
    return TableFormat(
        "csv",
        unique(dialect.names),
        encoding=encoding,
        delimiter=dialect.delimiter,
        quote=dialect.quote,
        escape=dialect.escape,
        header=dialect.header,
        above=dialect.above,
        compression=compression,
        notes=notes,
    )


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of columns: those without one are numbered, and repeated ones, too."""
    taken: dict[str, None] = {}
    for position, given in enumerate(names, 1):
        name = base = given or f"column {position}"
        number = 1
        while name in taken:
            number += 1
            name = f"{base} ({number})"
        taken[name] = None
    return tuple(taken)


def _json_lines(text: str, is_cut: bool) -> list[dict[str, json_values.Value]]:
    """Return the records of a sample of JSON lines; none if it is something else."""
    lines = [line for line in text.splitlines() if line.strip()]
    if is_cut:
        lines = lines[:-1]
    if not (lines and lines[0].lstrip().startswith("{")):
        return []
    records = []
    for line in lines:
        try:
            records.append(json_values.flatten(json_values.parse(line)))
        except ValueError:
            continue
    return records
