"""The command that calibrates a model."""

import argparse

from ftcore.cli.experiment import aligned
from ftcore.cli.printer import Printer
from ftcore.events import drain
from ftcore.formatting import between, percent, short_percent
from ftcore.models.calibration import TARGET, Calibration

LOWEST, HIGHEST = 0.5, 0.999  # targets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    help = "share of the texts of each class whose label the set is to hold (default: %(default)s)"
    parser.add_argument("--target", type=_target, default=TARGET, help=help)
    help = "where the data lies now, if it moved (default: where it was in training)"
    parser.add_argument("--source", default=argparse.SUPPRESS, help=help)


def _target(text: str) -> float:
    try:
        target = float(text)
    except ValueError:
        target = 0.0
    if LOWEST <= target <= HIGHEST:
        return target
    raise argparse.ArgumentTypeError(f"choose from {LOWEST} to {HIGHEST}")


def calibrate(options: argparse.Namespace, out: Printer) -> None:
    """Fit probabilities that can be trusted, and sets of labels with a promise, to a model."""
    from ftcore.runs import calibration

    source = getattr(options, "source", "")
    kept = drain(calibration.calibrate(options.ref, options.target, source), out.event)
    values = {
        "temperature": kept.temperature,
        "ece_before": kept.figures["ece_before"],
        "ece_after": kept.figures["ece_after"],
        "coverage": kept.figures["coverage"],
        "target": kept.target,
        "validation_texts": kept.validation_texts,
        "probability_thresholds": kept.thresholds,
    }
    values |= kept.figures | {"notes": out.notes}
    out.record(values, "\n".join(_lines(kept)))


def _lines(kept: Calibration) -> list[str]:
    figures = kept.figures
    texts, target = f"{figures['test_texts']:,} test texts", short_percent(kept.target)
    intervals = figures["coverage_interval_per_class"]
    classes = [("class", "its label is in the set", "95% interval")]
    classes += [
        (label, percent(share), between(intervals[label]))
        for label, share in figures["coverage_per_class"].items()
    ]
    rows = [("probability from", "answered", "right")]
    rows += [
        (short_percent(row["threshold"]), percent(row["answered"]), percent(row["accuracy"]))
        for row in figures["by_threshold"]
    ]
    return [
        f"Temperature {kept.temperature:.2f}, fitted on {kept.validation_texts:,} validation texts.",
        f"Expected calibration error on {texts}: {percent(figures['ece_before'])} before, "
        f"{percent(figures['ece_after'])} after.",
        f"Sets at {target}: {percent(figures['coverage'])} of the test texts have their label in the set "
        f"({between(figures['coverage_interval'])}).",
        *aligned(classes),
        f"Not sure of {percent(figures['not_sure'])} of them; right about "
        f"{percent(figures['accuracy_when_sure'])} of the others.",
        *aligned(rows),
    ]
