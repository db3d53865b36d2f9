"""Training on a GPU: the lesson's model and an encoder, all layers and the last one, the Trainer beside them.

    python -m benchmarks.gpu --short | --full

Real IMDB reviews, 256 tokens, in ten minutes or less. Prints the table for docs/performance.md. Utilisation
is the mean of what the driver reports five times a second. Without a GPU it measures the CPU and says so.
"""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import torch

from benchmarks import encoders
from benchmarks.harness import data, report
from benchmarks.harness.throughput import Loop, Schedule, Throughput, interleave
from benchmarks.training import trainer_loop, unfreeze_loop
from ftcore.config import FineTuneConfig
from ftcore.events import drain
from ftcore.exchange import huggingface
from ftcore.training.preparation import TrainingSetup

DRIVER = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms=200"]
LESSON = "starter"


class Sizes(NamedTuple):
    """Training reviews (0: all), and the seconds that a loop is measured for."""

    reviews: int
    seconds: float


SHORT, FULL = Sizes(0, 20.0), Sizes(0, 60.0)


def main(argv: list[str] | None = None) -> None:
    sizes = FULL if report.options(__doc__ or "", argv).full else SHORT
    with data.workspace() as reviews:
        compare(reviews, encoders.minilm(), sizes)


def compare(reviews: Path, model: Path, sizes: Sizes) -> None:
    """Measure and print."""
    report.heading("Training on a GPU" if torch.cuda.is_available() else "Training without a GPU")
    encoder = drain(huggingface.import_encoder(str(model))).ref
    rows: list[dict[str, Any]] = []
    for checkpoint in (LESSON, encoder):
        fixed = {"checkpoint": checkpoint, "dataset": "imdb", "source": str(reviews)}
        settings = [
            FineTuneConfig.from_dict(fixed | {"mode": mode, "limit": sizes.reviews})
            for mode in ("full", "last-layer")
        ]
        full, last = map(unfreeze_loop.prepare, settings)
        count = len(full.train_rows)
        theirs = None if checkpoint == LESSON else encoders.trainer_model(model)
        sides: dict[str, Callable[[], float]] = {
            "full": partial(_pace, unfreeze_loop.train_forever(full), sizes.seconds),
            "last layer": partial(_pace_of_whole_run, last),
            "full, Trainer": partial(
                _pace, trainer_loop.train(full, full.precision, theirs), sizes.seconds
            ),
        }
        for name, pace in sides.items():
            figures = _measured(pace)
            figures["seconds_an_epoch"] = count / figures["reviews_per_second"]
            rows.append({"name": f"{checkpoint}, {name}", **figures})
    report.table(
        ["256 tokens", "reviews/s", "seconds an epoch", "utilisation, %", "peak memory, MB"],
        [
            [
                row["name"],
                f"{row['reviews_per_second']:,.0f}",
                f"{row['seconds_an_epoch']:.2f}",
                _shown(row["utilisation"]),
                _shown(row["megabytes"]),
            ]
            for row in rows
        ],
    )
    print("Of the last layer, the whole run with its vectors counts, divided by its epochs.\n")
    report.result("gpu", rows=rows)


def _pace(loop: Loop, seconds: float) -> float:
    results: dict[str, Throughput] = {}
    interleave({"": loop}, Schedule(1, seconds), results)
    return results[""].overall


def _pace_of_whole_run(run: TrainingSetup) -> float:
    texts = run.config.epochs * len(run.train_rows)
    return texts / unfreeze_loop.train_to_the_end(run).seconds


def _measured(pace: Callable[[], float]) -> dict[str, Any]:
    """Reviews a second, mean utilisation in percent and peak memory; None without a GPU."""
    if not torch.cuda.is_available():
        return {"reviews_per_second": pace(), "utilisation": None, "megabytes": None}
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    with subprocess.Popen(DRIVER, stdout=subprocess.PIPE, text=True) as driver:
        rate = pace()
        driver.terminate()
        samples = [float(line) for line in driver.communicate()[0].split() if line.isdigit()]
    return {
        "reviews_per_second": rate,
        "utilisation": fmean(samples) if samples else None,
        "megabytes": torch.cuda.max_memory_allocated() / 1e6,
    }


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:,.0f}"


if __name__ == "__main__":
    main(sys.argv[1:])
