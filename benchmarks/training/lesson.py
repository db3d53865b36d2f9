"""The lesson's loop against Unfreeze's on real IMDB reviews, in one run.

    python -m benchmarks.training.lesson --short     4 minutes or less on 2 quiet cores
    python -m benchmarks.training.lesson --full      also a whole run of Unfreeze, and a lesson's epoch

The lesson's batches, settings and model are its own; it starts from the same pretrained body. Loops
take turns, so noise of the machine slows both. The last line is JSON.
"""

import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness import data, report, throughput
from benchmarks.harness.throughput import Schedule, Throughput
from benchmarks.training import lesson_loop, unfreeze_loop

EPOCHS = 100  # of the lesson
LESSON, LESSON_LAST, UNFREEZE = "lesson, full", "lesson, last layer", "Unfreeze, full"
SHORT, FULL = Schedule(3, 5.0), Schedule(6, 10.0)  # twice: before the last-layer run and after
TARGET = 0.88  # validation accuracy of a full run


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    with data.workspace() as reviews:
        compare(reviews, FULL if full else SHORT, full)


def compare(reviews: Path, schedule: Schedule, full: bool) -> None:
    """Measure and print."""
    report.heading("The lesson's loop and Unfreeze's, on real IMDB reviews")
    prepared = unfreeze_loop.prepare(unfreeze_loop.config(reviews))
    last_layer = unfreeze_loop.config(reviews, mode="last-layer")

    torch.manual_seed(0)
    notebook = lesson_loop.Notebook(reviews, prepared.vocabulary, prepared.model)
    loops = {
        LESSON: notebook.train_forever(),
        LESSON_LAST: notebook.train_forever(last_layer=True),
        UNFREEZE: unfreeze_loop.train_forever(prepared),
    }
    # The last-layer runs are placed in the middle and at the end, so they meet the same noise.
    results: dict[str, Throughput] = {}
    last_layer_runs = []
    for _ in range(2):
        throughput.interleave(loops, schedule, results)
        run = unfreeze_loop.copy_run(prepared, last_layer)
        last_layer_runs.append(unfreeze_loop.train_to_the_end(run))
    first, second = last_layer_runs

    def all_epochs(result: Throughput) -> float:
        """Seconds of the lesson's number of epochs, extrapolated."""
        return EPOCHS * len(notebook.train) / result.overall

    report.throughputs(
        results, f"{EPOCHS} epochs", lambda result: f"{all_epochs(result) / 3600:,.1f} h"
    )
    print("Validation is in none of these; hours are extrapolated from the reviews a second.\n")
    report.table(
        ["Unfreeze, last layer", "to its best", "of it, features", "all epochs", "best validation"],
        [
            [
                name,
                *(f"{seconds:.1f} s" for seconds in (run.to_best, run.features, run.seconds)),
                f"{run.accuracy:.2%}",
            ]
            for name, run in (("first run", first), ("second run", second))
        ],
    )
    by_round = throughput.speedups(results[UNFREEZE], results[LESSON])
    figures: dict[str, Any] = {
        "full_speedup": throughput.speedup(results[UNFREEZE], results[LESSON]),
        "full_speedup_smallest": min(by_round),
        "full_speedup_largest": max(by_round),
        "last_layer_speedup": all_epochs(results[LESSON_LAST]) / first.to_best,
        "reviews_per_second": results[UNFREEZE].overall,
        "lesson_reviews_per_second": results[LESSON].overall,
        "lesson_last_layer_reviews_per_second": results[LESSON_LAST].overall,
        "lesson_100_epochs_seconds_extrapolated": all_epochs(results[LESSON]),
        "lesson_100_last_layer_epochs_seconds_extrapolated": all_epochs(results[LESSON_LAST]),
        "last_layer_seconds": first.to_best,
        "last_layer_vectors_seconds": first.features,
        "last_layer_val_accuracy": first.accuracy,
        "last_layer_again_seconds": second.to_best,
        "max_length": prepared.config.max_length,
    }
    print(
        f"Full, {figures['max_length']} tokens of a review where the lesson reads all: "
        f"{figures['full_speedup']:.1f} times the lesson's pace, by round "
        f"{report.spread(by_round, 1)}.\n"
        f"Last layer, first run to its best accuracy, features and evaluations included: "
        f"{figures['last_layer_speedup']:,.0f} times the lesson's {EPOCHS} epochs (extrapolated).\n"
    )
    if full:
        run = unfreeze_loop.train_to_the_end(unfreeze_loop.copy_run(prepared), TARGET)
        seconds, accuracy = notebook.epoch()
        figures |= {
            "val_accuracy": run.accuracy,
            "seconds": run.seconds,
            "seconds_to_88": run.to_target,
            "lesson_epoch_seconds": seconds,
            "lesson_epoch_val_accuracy": accuracy,
        }
        reached = "never" if run.to_target is None else f"after {run.to_target:.0f} s"
        print(
            f"Unfreeze to the end: {run.seconds:.0f} s, {run.accuracy:.2%} on validation, "
            f"{TARGET:.0%} {reached}.\n"
            f"The lesson, one epoch: {seconds:.0f} s, {accuracy:.2%} on validation.\n"
        )
    report.result("lesson", **figures)


if __name__ == "__main__":
    main(sys.argv[1:])
