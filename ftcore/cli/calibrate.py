"""The command that calibrates the model of a run."""

import argparse
from typing import Any

from ftcore.cli.experiment import aligned
from ftcore.cli.printer import Printer
from ftcore.events import drain
from ftcore.formatting import percent

LOWEST, HIGHEST = 0.5, 0.999  # targets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    help = "share of the texts of each class whose label the set is to hold (default: %(default)s)"
    parser.add_argument("--target", type=_target, default=0.95, help=help)


def _target(text: str) -> float:
    try:
        target = float(text)
    except ValueError:
        target = 0.0
    if LOWEST <= target <= HIGHEST:
        return target
    raise argparse.ArgumentTypeError(f"choose from {LOWEST} to {HIGHEST}")


def calibrate(options: argparse.Namespace, out: Printer) -> None:
    """Fit probabilities that can be trusted, and sets of labels with a promise, to a run's model."""
    from ftcore.runs import calibration

    values = drain(calibration.calibrate(options.ref, options.target), out.event).values()
    out.record(values | {"notes": out.notes}, "\n".join(_lines(values)))


def _lines(values: dict[str, Any]) -> list[str]:
    fitted_on = f"{values['validation_texts']:,} validation texts"
    texts, target = f"{values['test_texts']:,} test texts", percent(values["target"])
    classes = [("class", "its label is in the set")]
    classes += [(label, percent(share)) for label, share in values["coverage_per_class"].items()]
    rows = [("probability from", "answered", "right")]
    rows += [
        (percent(row["threshold"]), percent(row["answered"]), percent(row["accuracy"]))
        for row in values["by_threshold"]
    ]
    return [
        f"Temperature {values['temperature']:.2f}, fitted on {fitted_on}.",
        f"Expected calibration error on {texts}: {percent(values['ece_before'])} before, "
        f"{percent(values['ece_after'])} after.",
        f"Sets at {target}: {percent(values['coverage'])} of the test texts have their label in the set.",
        *aligned(classes),
        f"Not sure of {percent(values['not_sure'])} of them; right about "
        f"{percent(values['accuracy_when_sure'])} of the others.",
        *aligned(rows),
    ]
