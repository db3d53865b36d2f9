"""Reads a recognized table: batches of texts, with what cannot be used kept aside."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ftcore.data.tables import (
    batches,
    containers,
    csv_rows,
    folder_rows,
    json_rows,
    jsonl_rows,
    layouts,
    parallel_rows,
    parquet_rows,
    several_tables,
    sources,
    text_rows,
    xlsx_rows,
)
from ftcore.data.tables.aside import Aside
from ftcore.data.tables.containers import Container
from ftcore.data.tables.layouts import Part
from ftcore.data.tables.sources import Source
from ftcore.data.tables.table_format import ROW, TableFormat, TableRead
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Progress, Task
from ftcore.validation import choose_from, printable

if TYPE_CHECKING:
    import pyarrow as pa

_READERS: dict[str, Callable[[Source, TableFormat, Aside], Iterator["pa.RecordBatch"]]] = {
    "csv": csv_rows.read,
    "json": json_rows.read,
    "jsonl": jsonl_rows.read,
    "parquet": parquet_rows.read,
    "text": text_rows.read,
    "xlsx": xlsx_rows.read,
}
_READERS_OF_PARTS = {"folder": folder_rows.read, "parallel": parallel_rows.read}
_WRITES_MISSING = ("csv", "xlsx")  # kinds that have no null of their own


def read(
    path: Path,
    form: TableFormat,
    keep: Callable[["pa.RecordBatch"], object],
    columns: Sequence[str] = (),
) -> Task[TableRead]:
    """Read a table and hand its rows to `keep` in batches; bad rows are kept aside.

    A batch has `columns` in their order (all if empty), each of texts or, if it is one of `form.lists`,
    of lists of texts, null where a value is missing; and the column `table_format.ROW`, the rows'
    0-based numbers in the file. Memory does not grow with the file. Raises UnfreezeError.
    """
    wanted = list(columns or form.columns)
    for column in wanted:
        if column not in form.columns:
            raise UsageError(
                f"{sources.shown(path)} has no column {printable(column)!r}; "
                f"{choose_from(column, form.columns)}"
            )
    aside = Aside()
    good = missing = 0
    with containers.opened(path) as container:
        total = sum(container.sizes.values())
        yield Progress("reading", 0, total, "bytes")
        for kind, batch, done in _batches(container, form, aside):
            batch = batch.select([*wanted, ROW])
            if kind in _WRITES_MISSING:
                batch, written = batches.with_nulls(batch)
                missing += written
            good += len(batch)
            if len(batch):
                keep(batch)
            yield Progress("reading", done, total, "bytes")
        yield Progress("reading", total, total, "bytes")
    if not good + aside.count:
        raise sources.no_rows(path)
    if aside.count > good:
        raise _unfit(path, aside, good)
    if missing:
        values = (
            "1 value, NaN or null, was"
            if missing == 1
            else f"{missing:,} values, NaN or null, were"
        )
        aside.notes.append(f"{values} read as missing.")
    rows = sorted(aside.rows, key=lambda bad: bad.row)
    return TableRead(good + aside.count, aside.count, tuple(rows), tuple(aside.notes))


def _batches(
    container: Container, form: TableFormat, aside: Aside
) -> Iterator[tuple[str, "pa.RecordBatch", float]]:
    """Yield the batches of all files, numbered through, with the kind of the file and the bytes so far."""
    if form.kind in _READERS_OF_PARTS:
        parts = layouts.find(container).parts
        for batch, done in _READERS_OF_PARTS[form.kind](container, parts, form, aside):
            yield form.kind, batch, done
        return
    files = _files(container, form)
    finished = start = 0
    for part, own in files:
        aside.file, aside.start = part.name if len(files) > 1 else "", start
        size, good, bad = container.sizes[part.name], 0, aside.count
        stated = {"label": part.label, "split": part.split}
        with container.open(part.name) as source:
            for batch in _READERS[own.kind](source, own, aside):
                batch = batches.without_undecodable(batch, own.encoding, aside)
                good += len(batch)
                done = finished + size * min(1.0, source.done / max(1, source.total))
                given = {column: stated[column] for column in form.from_names}
                yield own.kind, batches.completed(batch, start, given), done
        finished += size
        start += good + aside.count - bad


def _files(container: Container, form: TableFormat) -> list[tuple[Part, TableFormat]]:
    """Return the files of a table, and how each is read."""
    if form.files:
        splits = [several_tables.split_of(*each) for each in form.files]
        return [
            (Part(name, split=split), own)
            for (name, own), split in zip(form.files, splits, strict=True)
        ]
    columns = tuple(column for column in form.columns if column not in form.from_names)
    return [(part, replace(form, columns=columns)) for part in layouts.find(container).parts]


def _unfit(path: Path, aside: Aside, good: int) -> UnfreezeError:
    """The error of a file of which most rows are bad, so it is read in a wrong way."""
    first = aside.rows[0]
    return UnfreezeError(
        f"{aside.count:,} of {aside.count + good:,} rows of {sources.shown(path)} cannot be read, the "
        f"first one, row {first.row:,}, for {first.reason}: name another delimiter or encoding."
    )
