"""Reads a recognized file of a table: batches of texts, with what cannot be used kept aside."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ftcore.data.tables import batches, csv_rows, json_rows, jsonl_rows, sources
from ftcore.data.tables.aside import Aside
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
}


def read(
    path: Path,
    form: TableFormat,
    keep: Callable[["pa.RecordBatch"], object],
    columns: Sequence[str] = (),
) -> Task[TableRead]:
    """Read a file and hand its rows to `keep` in batches; bad rows are kept aside.

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
    with sources.opened(path) as source:
        yield Progress("reading", 0, source.total, "bytes")
        for batch in _READERS[form.kind](source, form, aside):
            batch = batches.without_undecodable(batch, form.encoding, aside)
            batch = batch.select([*wanted, ROW])
            if form.kind == "csv":
                batch, written = batches.with_nulls(batch)
                missing += written
            good += len(batch)
            if len(batch):
                keep(batch)
            yield Progress("reading", source.done, source.total, "bytes")
    if not good + aside.count:
        raise sources.no_rows(path)
    if aside.count > good:
        raise UnfreezeError(_unfit(path, aside, good))
    notes = list[str]()
    if missing:
        values = (
            "1 value, NaN or null, was"
            if missing == 1
            else f"{missing:,} values, NaN or null, were"
        )
        notes.append(f"{values} read as missing.")
    rows = sorted(aside.rows, key=lambda bad: bad.row)
    return TableRead(good + aside.count, aside.count, tuple(rows), tuple(notes))


def _unfit(path: Path, aside: Aside, good: int) -> str:
    """Say that most rows are bad, so the file is read in a wrong way."""
    first = aside.rows[0]
    return (
        f"{aside.count:,} of {aside.count + good:,} rows of {sources.shown(path)} cannot be read, the "
        f"first one, row {first.row:,}, for {first.reason}: name another delimiter or encoding."
    )
