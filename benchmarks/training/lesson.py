"""The lesson's loop against ours on real IMDB reviews, in one run.

    python -m benchmarks.training.lesson --short     4 minutes or less on 2 quiet cores
    python -m benchmarks.training.lesson --full      trains ours to the end, and the lesson's for an epoch

The lesson's batches, settings and model are its own; it starts from the same pretrained body. Sides
take turns, so noise of the machine hits both. The last line is JSON.
"""

import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness import data, measure, report
from benchmarks.harness.measure import Pace, Plan
from benchmarks.training import original, ours

EPOCHS = 100  # of the lesson
LESSON, LESSON_LAST, OURS = "lesson, full", "lesson, last layer", "ours, full"
SHORT, FULL = Plan(3, 5.0), Plan(6, 10.0)  # twice: before the last-layer run and after
TARGET = 0.88  # validation accuracy of a full run


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    with data.workspace() as reviews:
        compare(reviews, FULL if full else SHORT, full)


def compare(reviews: Path, plan: Plan, full: bool) -> None:
    """Measure, print, and end with the line of JSON."""
    report.heading("The lesson's loop and ours, on real IMDB reviews")
    prepared = ours.prepare(ours.config(reviews))
    read = prepared.config.max_length
    head = ours.config(reviews, mode="last-layer")

    torch.manual_seed(0)
    notebook = original.Lesson(reviews, prepared.vocabulary, prepared.model)
    lesson = {LESSON: notebook.side(), LESSON_LAST: notebook.side(last_layer=True)}
    sides = {**lesson, OURS: ours.again_and_again(prepared)}

    # The runs of the last layer stand in the middle and at the end, among the noise of the others.
    paces: dict[str, Pace] = {}
    measure.take_turns(sides, plan, paces)
    first = ours.to_the_end(ours.fresh(prepared, head))
    measure.take_turns(sides, plan, paces)
    second = ours.to_the_end(ours.fresh(prepared, head))

    lesson_seconds = {
        name: EPOCHS * len(notebook.train) / paces[name].per_second for name in lesson
    }
    speedup = measure.ratio(paces[OURS], paces[LESSON])
    by_round = measure.ratios(paces[OURS], paces[LESSON])
    last_speedup = lesson_seconds[LESSON_LAST] / first.to_best
    report.table(
        ["reviews/s in training", "all rounds", "median (smallest to largest)", f"{EPOCHS} epochs"],
        [
            [
                name,
                f"{pace.per_second:,.0f}",
                report.spread(pace.turns),
                f"{EPOCHS * len(notebook.train) / pace.per_second / 3600:,.1f} h",
            ]
            for name, pace in paces.items()
        ],
    )
    print("Validation is in none of these; hours are extrapolated from the reviews a second.\n")
    report.table(
        ["ours, last layer", "to its best", "of it, vectors", "all epochs", "best validation"],
        [
            [
                name,
                f"{run.to_best:.1f} s",
                f"{run.features:.1f} s",
                f"{run.seconds:.1f} s",
                f"{run.accuracy:.2%}",
            ]
            for name, run in (("first run", first), ("second run", second))
        ],
    )
    print(
        f"Full, reading {read} tokens of a review where the lesson reads all: {speedup:.1f} times the "
        f"lesson's pace, by round {report.spread(by_round, 1)}.\n"
        f"Last layer, first run to its best accuracy, vectors and evaluations included: "
        f"{last_speedup:,.0f} times the lesson's {EPOCHS} epochs (extrapolated).\n"
    )
    figures: dict[str, Any] = {
        "full_speedup": speedup,
        "full_speedup_smallest": min(by_round),
        "full_speedup_largest": max(by_round),
        "last_layer_speedup": last_speedup,
        "reviews_per_second": paces[OURS].per_second,
        "lesson_reviews_per_second": paces[LESSON].per_second,
        "lesson_last_layer_reviews_per_second": paces[LESSON_LAST].per_second,
        "lesson_100_epochs_seconds_extrapolated": lesson_seconds[LESSON],
        "lesson_100_last_layer_epochs_seconds_extrapolated": lesson_seconds[LESSON_LAST],
        "last_layer_seconds": first.to_best,
        "last_layer_vectors_seconds": first.features,
        "last_layer_val_accuracy": first.accuracy,
        "last_layer_again_seconds": second.to_best,
        "max_length": read,
    }
    if full:
        whole = ours.to_the_end(ours.fresh(prepared), TARGET)
        seconds, accuracy = notebook.epoch()
        figures |= {
            "val_accuracy": whole.accuracy,
            "seconds": whole.seconds,
            "seconds_to_88": whole.to_target,
            "lesson_epoch_seconds": seconds,
            "lesson_epoch_val_accuracy": accuracy,
        }
        reached = "never" if whole.to_target is None else f"after {whole.to_target:.0f} s"
        print(
            f"Ours to the end: {whole.seconds:.0f} s, {whole.accuracy:.2%} on validation, "
            f"{TARGET:.0%} {reached}.\n"
            f"The lesson, one epoch: {seconds:.0f} s, {accuracy:.2%} on validation.\n"
        )
    rounded = {
        name: report.short(value) if isinstance(value, float) else value
        for name, value in figures.items()
    }
    report.result("lesson", **rounded)


if __name__ == "__main__":
    main(sys.argv[1:])
