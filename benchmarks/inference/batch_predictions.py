"""Rows a second and peak memory of answering a file of many short rows, interrupted half way and resumed.

python -m benchmarks.inference.batch_predictions --short     20,000 rows
python -m benchmarks.inference.batch_predictions --full      1,000,000 rows

By the bundled sentiment model, of rows of 22 words. Both halves run in a process of their own, as a resumed
call does; the second one reads the file again, repeats the part that was lost, and joins all answers.
"""

import csv
import multiprocessing
import random
import sys
import time
from contextlib import closing
from pathlib import Path

from benchmarks.harness import data, machine, report
from ftcore.events import Progress
from ftcore.inference import table_prediction
from ftcore.inference.table_prediction import Request

WORDS = 22  # of a row
VOCABULARY = (
    "the",
    "a",
    "film",
    "was",
    "is",
    "not",
    "good",
    "bad",
    "warm",
    "funny",
    "dull",
    "story",
)
LIMIT = 4_000  # megabytes, as issue 18 allows


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    with data.home() as folder:
        measure(folder, 1_000_000 if full else 20_000)


def measure(folder: Path, count: int) -> None:
    """Write `count` rows, answer half of them and then the others, and print what it took."""
    report.heading(f"{count:,} short rows, interrupted half way and resumed")
    path = folder / "rows.csv"
    _write(path, count)
    halves = {
        name: _alone(path, folder / "answers.parquet", until)
        for name, until in (("interrupted", count // 2), ("resumed", count))
    }
    names = ["rows", "rows_per_second", "seconds", "peak_megabytes"]
    report.table(
        ["call", *(name.replace("_", " ") for name in names)],
        [[call, *(f"{each[name]:,.0f}" for name in names)] for call, each in halves.items()],
    )
    peak = max(each["peak_megabytes"] for each in halves.values())
    print(f"Peak memory {peak:,.0f} MB; at most {LIMIT:,} are allowed.\n")
    report.result("batch_predictions", rows=count, **halves)


def _alone(path: Path, output: Path, until: int) -> dict[str, float]:
    """`answered` in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(answered, (path, output, until))


def answered(path: Path, output: Path, until: int) -> dict[str, float]:
    """Answer rows until so many have an answer, all of them included, and return what it took.

    The pace is that of the answers alone; the seconds include reading, and joining at the end.
    """
    start = time.perf_counter()
    points: list[tuple[float, float]] = []  # rows that have an answer, and when
    with closing(
        table_prediction.predict(Request("sentiment", str(path), str(output), "text"))
    ) as task:
        for event in task:
            if isinstance(event, Progress) and event.phase == "predicting":
                points.append((event.done, time.perf_counter()))
                if until < (event.total or 0) and event.done >= until:
                    break
    seconds = time.perf_counter() - start
    (before, first), (done, last) = points[0], points[-1]
    return {
        "rows": done - before,
        "rows_per_second": (done - before) / max(last - first, 1e-9),
        "seconds": seconds,
        "peak_megabytes": machine.megabytes("VmHWM"),
    }


def _write(path: Path, count: int) -> None:
    rng = random.Random(0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "text"))
        rows.writerows((row, " ".join(rng.choices(VOCABULARY, k=WORDS))) for row in range(count))


if __name__ == "__main__":
    main(sys.argv[1:])
