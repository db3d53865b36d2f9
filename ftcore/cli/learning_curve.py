"""The command that trains modes on more and more texts, and says how many labels are needed."""

import argparse
from typing import TYPE_CHECKING, Any

from ftcore.cli import experiment
from ftcore.cli.printer import Printer
from ftcore.config import FineTuneConfig
from ftcore.formatting import percent

if TYPE_CHECKING:
    from ftcore.experiments.learning_curve.curves import Curve
    from ftcore.experiments.result import Result

MODES, SEEDS, SIZES = "full,last-layer", "0,1,2", "25,50,100,all"  # by default
DEFAULTS = {"keep_model": False, "evaluations": 0}  # for help; those of `learning_curve.plan`


def add_own_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that `compare` does not have."""
    help = f"numbers of training texts, by commas, or all (default: {SIZES})"
    parser.add_argument("--sizes", default=argparse.SUPPRESS, help=help)
    help = (
        "number of training texts from which on only the first seed runs, as large samples differ little "
        "and cost most (default: every seed runs on every number)"
    )
    option = "--one-seed-from"
    parser.add_argument(option, metavar="TEXTS", default=argparse.SUPPRESS, help=help)


def learning_curve(options: argparse.Namespace, out: Printer) -> int:
    """Train modes on more and more texts, and say how many labels are needed."""
    return experiment.run_experiment(options, out, "learning curve", plan_runs, _report)


def plan_runs(options: argparse.Namespace, given: dict[str, Any]) -> list[FineTuneConfig]:
    """The runs that the options describe. Raises UsageError."""
    from ftcore.experiments.learning_curve import plan

    return plan.plan(
        given,
        experiment.chosen_modes(options, MODES),
        plan.parse_sizes(getattr(options, "sizes", SIZES)),
        experiment.chosen_seeds(options, SEEDS),
        "references" in options,
        plan.parse_size(options.one_seed_from) if "one_seed_from" in options else None,
    )


def _report(results: "list[Result]") -> tuple[dict[str, Any], list[str]]:
    """The figures of each run and what they show, as JSON values and as lines."""
    from ftcore.experiments.learning_curve import analysis

    found = analysis.analyse(results)
    values: dict[str, Any] = {
        "points": analysis.points(results),
        "curves": [analysis.curve_values(curve, found) for curve in found.curves],
        "crossings": [crossing.values() for crossing in found.crossings],
        "sentence": found.sentence,
        "further": found.findings,
    }
    return values, [*_table(found.curves), "", found.sentence, *found.findings]


def _table(curves: "list[Curve]") -> list[str]:
    """A row for each mode and a column for each number of texts; ± is half of a 95% interval."""
    sizes = sorted({size for curve in curves for size in curve.sizes})
    cells = [("mode", *(f"{size:,} texts" for size in sizes))]
    for curve in curves:
        row = []
        for size in sizes:
            side = curve.sides.get(size)
            half = (side.interval[1] - side.interval[0]) / 2 if side else 0.0
            row.append(f"{percent(side.score)} ± {percent(half)}" if side else "")
        cells.append((curve.label, *row))
    return experiment.aligned(cells)
