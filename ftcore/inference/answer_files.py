"""Files of answers, a row for each row of a table: Parquet, CSV or JSON lines by their ending."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ftcore.errors import UsageError
from ftcore.validation import printable

if TYPE_CHECKING:
    import pyarrow as pa

Write = Callable[["pa.Table"], None]
_DIGITS = 7  # of a share in a text file, about those of its fp32


def check_ending(output: Path) -> None:
    """Raise UsageError if there is no form for the ending of a file's name."""
    if output.suffix.lower() not in _WRITERS:
        raise UsageError(
            f"{printable(str(output))} names no form: end it in .parquet, .csv or .jsonl."
        )


def writer(file: Path, ending: str, schema: "pa.Schema") -> AbstractContextManager[Write]:
    """Open a file for writing, and return what adds rows to it."""
    return _WRITERS[ending.lower()](file, schema)


@contextmanager
def _parquet(file: Path, schema: "pa.Schema") -> Iterator[Write]:
    from pyarrow import parquet

    with file.open("wb") as out, parquet.ParquetWriter(out, schema, compression="zstd") as rows:
        yield rows.write_table


@contextmanager
def _csv(file: Path, schema: "pa.Schema") -> Iterator[Write]:
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(schema.names)
        yield lambda table: rows.writerows(map(_cells, _rows(table)))


def _cells(row: dict[str, object]) -> list[object]:
    """The values of a row; a list as JSON, as a label may hold any separator."""
    return [
        json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
        for value in row.values()
    ]


@contextmanager
def _json_lines(file: Path, schema: "pa.Schema") -> Iterator[Write]:
    with file.open("w", encoding="utf-8") as out:

        def write(table: "pa.Table") -> None:
            out.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in _rows(table))

        yield write


def _rows(table: "pa.Table") -> Iterator[dict[str, object]]:
    for row in table.to_pylist():
        yield {
            name: round(value, _DIGITS) if isinstance(value, float) else value
            for name, value in row.items()
        }


_WRITERS = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json_lines}
