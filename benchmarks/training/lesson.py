"""Four training loops for the same model on the same real IMDB reviews, in one run.

    python -m benchmarks.training.lesson --short     5 minutes or less on 2 quiet cores
    python -m benchmarks.training.lesson --full      also a whole run of Unfreeze

The lesson's loop; a plain corrected loop; Hugging Face's Trainer around the plain loop's model, in fp32
and bf16; Unfreeze's. The lesson's batches, settings and model are its
own; it starts from the same pretrained body. Loops take turns, so noise of the machine slows all. The last
line is JSON.
"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness import data, report, throughput
from benchmarks.harness.throughput import Schedule, Throughput
from benchmarks.training import lesson_loop, plain_loop, trainer_loop, unfreeze_loop
from ftcore import devices

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
    notebook = lesson_loop.Notebook(reviews, prepared.tokenizer.words, prepared.model)
    loops = {
        LESSON: notebook.train_forever(),
        LESSON_LAST: notebook.train_forever(last_layer=True),
        "plain loop, fp32": plain_loop.train(prepared),
        "Trainer, fp32": trainer_loop.train(prepared, "fp32"),
        UNFREEZE: unfreeze_loop.train_forever(prepared),
    }
    if devices.has_bf16(prepared.device):
        loops["Trainer, bf16"] = trainer_loop.train(prepared, "bf16")
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

    spread = "median (smallest to largest)"
    report.table(
        ["reviews/s in training", "all rounds", spread, "times the lesson", f"{EPOCHS} epochs"],
        [
            [
                name,
                f"{result.overall:,.0f}",
                report.spread(result.by_turn),
                f"{result.overall / results[LESSON].overall:.1f}",
                f"{all_epochs(result) / 3600:,.1f} h",
            ]
            for name, result in results.items()
        ],
    )
    print(
        f"The lesson reads whole reviews, the others {prepared.config.max_length} tokens. Validation is "
        "in none of these; hours are extrapolated from the reviews a second.\n"
    )
    report.table(
        ["Unfreeze, last layer", "to its best", "of it, features", "all epochs", "best validation"],
        [
            [name, *(f"{seconds:.1f} s" for seconds in times), f"{run.accuracy:.2%}"]
            for name, run in (("first run", first), ("second run", second))
            if (times := (run.to_best, run.features, run.seconds))
        ],
    )
    paces = zip(results[UNFREEZE].by_turn, results[LESSON].by_turn, strict=True)
    by_round = [ours / lesson for ours, lesson in paces]
    figures: dict[str, Any] = {
        "full_speedup": results[UNFREEZE].overall / results[LESSON].overall,
        "full_speedup_by_round": by_round,
        "last_layer_speedup": all_epochs(results[LESSON_LAST]) / first.to_best,
        "reviews_per_second": {name: result.overall for name, result in results.items()},
        "last_layer": asdict(first),
        "last_layer_again": asdict(second),
    }
    print(
        f"Full: {figures['full_speedup']:.1f} times the lesson's pace, by round "
        f"{report.spread(by_round, 1)}.\n"
        f"Last layer, first run to its best accuracy, features and evaluations included: "
        f"{figures['last_layer_speedup']:,.0f} times the lesson's {EPOCHS} epochs (extrapolated).\n"
    )
    if full:
        to_the_end = unfreeze_loop.train_to_the_end(unfreeze_loop.copy_run(prepared), TARGET)
        figures["full"] = asdict(to_the_end)
        reached = "never" if to_the_end.to_target is None else f"after {to_the_end.to_target:.0f} s"
        print(
            f"Unfreeze to the end: {to_the_end.seconds:.0f} s, {to_the_end.accuracy:.2%} on validation, "
            f"{TARGET:.0%} {reached}.\n"
        )
    report.result("lesson", **figures)


if __name__ == "__main__":
    main(sys.argv[1:])
