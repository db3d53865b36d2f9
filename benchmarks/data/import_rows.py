"""Seconds and peak memory of bringing in a table of many rows: read in each form, and added from CSV.

python -m benchmarks.data.import_rows --short     20,000 rows
python -m benchmarks.data.import_rows --full      1,000,000 rows, 1 GB as CSV

Each is measured in a process of its own, which has the libraries of a run loaded before.
"""

import csv
import json
import multiprocessing
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from benchmarks.harness import data, machine, report
from ftcore.data.store import storing
from ftcore.data.store.request import Request
from ftcore.data.tables import reading, recognition
from ftcore.events import drain

LABELS = ("negative", "neutral", "positive")
TEXT = 980  # characters, on average
BATCH = 10_000  # rows that are written at a time

Rows = Iterator[tuple[str, str]]


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    with data.home() as folder:
        measure(folder, 1_000_000 if full else 20_000)


def measure(folder: Path, count: int) -> None:
    """Write `count` rows in each form, read and add them, and print what it took."""
    report.heading("A table of many rows")
    figures = []
    for form, write in WRITERS.items():
        path = folder / f"table.{form}"
        write(path, rows(count))
        works: list[Callable[[Path], int]] = [read, *([add] if form == "csv" else [])]
        for work in works:
            figures.append({"form": form, "work": work.__name__, **alone(work, path)})
        path.unlink()
    names = list(figures[0])
    report.table(names, [[_shown(each[name]) for name in names] for each in figures])
    report.result("import_rows", rows=count, figures=figures)


def alone(work: Callable[[Path], int], path: Path) -> dict[str, float]:
    """Measure work on a file in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measured, (work, path))


def measured(work: Callable[[Path], int], path: Path) -> dict[str, float]:
    """Do work on a file, and return what it took."""
    before, start = machine.megabytes("VmHWM"), time.perf_counter()
    count = work(path)
    seconds = time.perf_counter() - start
    peak = machine.megabytes("VmHWM")
    size = path.stat().st_size / 1e6
    figures = {"rows": count, "megabytes": size, "seconds": seconds, "peak_megabytes": peak}
    return {**figures, "added_megabytes": peak - before}


def read(path: Path) -> int:
    """Recognize and read a table, and return the number of its rows."""
    form = recognition.recognize(path)
    return drain(reading.read(path, form, lambda batch: None)).rows


def add(path: Path) -> int:
    """Add a table as data of one's own, and return the number of texts that are stored."""
    card = drain(storing.add(Request("rows", str(path))))
    return sum(sum(classes.values()) for classes in card.counts.values())


def rows(count: int) -> Rows:
    """Yield texts, each of its own, and labels."""
    rng = random.Random(0)
    words = [f"{start}{end}" for start in ("pro", "con", "re", "un") for end in _ENDS]
    for number in range(count):
        text = " ".join(rng.choices(words, k=TEXT // 8))
        yield f'Text {number}, in quotes: "{text}".', rng.choice(LABELS)


_ENDS = ("claim", "tend", "serve", "form", "late", "duct", "sist", "vert")


def _write_csv(path: Path, content: Rows) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(content)


def _write_jsonl(path: Path, content: Rows) -> None:
    with path.open("w") as file:
        file.writelines(
            json.dumps({"text": text, "label": label}) + "\n" for text, label in content
        )


def _write_json(path: Path, content: Rows) -> None:
    with path.open("w") as file:
        for number, (text, label) in enumerate(content):
            file.write(("," if number else "[") + json.dumps({"text": text, "label": label}))
        file.write("]")


def _write_parquet(path: Path, content: Rows) -> None:
    schema = pa.schema({"text": pa.string(), "label": pa.string()})
    with parquet.ParquetWriter(path, schema) as writer:
        while batch := list(zip(range(BATCH), content, strict=False)):
            writer.write_table(
                pa.table(list(zip(*(row for _, row in batch), strict=True)), schema=schema)
            )


WRITERS = {
    "csv": _write_csv,
    "jsonl": _write_jsonl,
    "json": _write_json,
    "parquet": _write_parquet,
}


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.{0 if value > 99 else 1}f}"


if __name__ == "__main__":
    main(sys.argv[1:])
