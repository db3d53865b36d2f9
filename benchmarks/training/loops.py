"""Four loops that train the same model on the same reviews: reviews a second of each, in one run.

    python -m benchmarks.training.loops --short | --full

The lesson's loop; a plain corrected loop; Hugging Face's Trainer around the plain loop's model, in
fp32 and bf16 (and with --full around Unfreeze's); Unfreeze's. Loops take turns.
"""

import sys
from pathlib import Path

import torch

from benchmarks.harness import data, report, throughput
from benchmarks.harness.throughput import Loop, Schedule, Throughput
from benchmarks.training import lesson_loop, plain_loop, trainer_loop, unfreeze_loop
from ftcore import devices

SHORT, FULL = Schedule(3, 5.0), Schedule(6, 15.0)
LESSON = "lesson"


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    with data.workspace() as reviews:
        compare(reviews, FULL if full else SHORT, full)


def compare(reviews: Path, schedule: Schedule, full: bool) -> None:
    """Measure and print."""
    report.heading("Four ways to train the same model")
    torch.manual_seed(0)
    prepared = unfreeze_loop.prepare(unfreeze_loop.config(reviews))
    notebook = lesson_loop.Notebook(reviews, prepared.vocabulary, prepared.model)

    def trainer(precision: str, unfreeze_model: bool = False) -> Loop:
        return trainer_loop.train(unfreeze_loop.copy_run(prepared), precision, unfreeze_model)

    loops: dict[str, Loop] = {
        LESSON: notebook.train_forever(),
        "plain loop, fp32": plain_loop.train(unfreeze_loop.copy_run(prepared)),
        "Trainer, fp32": trainer("fp32"),
    }
    if devices.has_bf16(prepared.device):
        loops["Trainer, bf16"] = trainer("bf16")
        if full:
            loops["Trainer around Unfreeze's model, bf16"] = trainer("bf16", unfreeze_model=True)
    loops[f"Unfreeze, {prepared.number_format}"] = unfreeze_loop.train_forever(prepared)
    results: dict[str, Throughput] = {}
    throughput.interleave(loops, schedule, results)
    report.throughputs(
        results,
        "times the lesson",
        lambda result: f"{throughput.speedup(result, results[LESSON]):.1f}",
    )
    print(
        f"The lesson reads whole reviews, the others {prepared.config.max_length} tokens. "
        "Validation is in none of these.\n"
    )
    report.result(
        "loops",
        reviews_per_second={name: result.overall for name, result in results.items()},
        turns={name: result.by_turn for name, result in results.items()},
    )


if __name__ == "__main__":
    main(sys.argv[1:])
