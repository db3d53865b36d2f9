"""The same model on the same reviews, trained four ways: reviews a second of each, in one run.

    python -m benchmarks.training.sides --short | --full

The lesson's loop; a plain corrected loop; Hugging Face's Trainer around the plain loop's model, in
fp32 and bf16 (and with --full around ours); ours. Sides take turns.
"""

import sys
from pathlib import Path

import torch

from benchmarks.harness import data, measure, report
from benchmarks.harness.measure import Pace, Side
from benchmarks.training import original, ours, plain
from ftcore import devices

SHORT, FULL = measure.Plan(3, 5.0), measure.Plan(6, 15.0)


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    with data.workspace() as reviews:
        compare(reviews, FULL if full else SHORT, full)


def compare(reviews: Path, plan: measure.Plan, full: bool) -> None:
    """Measure and print."""
    report.heading("Four ways to train the same model")
    torch.manual_seed(0)
    prepared = ours.prepare(ours.config(reviews))
    notebook = original.Lesson(reviews, prepared.vocabulary, prepared.model)
    sides: dict[str, Side] = {
        "lesson": notebook.side(),
        "plain loop, fp32": plain.stretches(ours.fresh(prepared)),
        "Trainer, fp32": plain.trainer_stretches(ours.fresh(prepared), "fp32"),
    }
    if devices.has_bf16(prepared.device):
        sides["Trainer, bf16"] = plain.trainer_stretches(ours.fresh(prepared), "bf16")
        if full:
            sides["Trainer around our model, bf16"] = plain.trainer_stretches(
                ours.fresh(prepared), "bf16", our_model=True
            )
    sides[f"ours, {prepared.number_format}"] = ours.again_and_again(prepared)
    paces: dict[str, Pace] = {}
    measure.take_turns(sides, plan, paces)
    slowest = paces["lesson"]
    report.table(
        ["reviews/s in training", "all rounds", "median (smallest to largest)", "times the lesson"],
        [
            [
                name,
                f"{pace.per_second:,.0f}",
                report.spread(pace.turns),
                f"{measure.ratio(pace, slowest):.1f}",
            ]
            for name, pace in paces.items()
        ],
    )
    print(
        f"The lesson reads whole reviews, the others {prepared.config.max_length} tokens. "
        "Validation is in none of these.\n"
    )
    report.result(
        "sides",
        reviews_per_second={name: report.short(pace.per_second) for name, pace in paces.items()},
        turns={name: [report.short(turn) for turn in pace.turns] for name, pace in paces.items()},
    )


if __name__ == "__main__":
    main(sys.argv[1:])
