"""The command that trains several modes and compares them."""

import argparse
import re
import statistics
from typing import TYPE_CHECKING, Any

from ftcore import formatting
from ftcore.cli import experiment
from ftcore.cli.options import given_settings
from ftcore.cli.printer import Printer
from ftcore.config import FineTuneConfig
from ftcore.errors import UsageError
from ftcore.formatting import duration, percent
from ftcore.modes import mode_defaults
from ftcore.validation import printable

if TYPE_CHECKING:
    from ftcore.experiments.result import Result

MODES, SEEDS = "full,last-layer,gradual,scratch", "0"  # by default
DEFAULTS = {  # for help; `experiments.plan` sets them
    "epochs": f"{mode_defaults('gradual').epochs}, of an encoder more on few texts",
    "batch_size": mode_defaults("full").batch_size,
    "evaluations": "as many as give 20 in a run, 5 per epoch at least; of an encoder 0",
}


def add_own_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that `learning-curve` does not have."""
    help = (
        "two versions of data of your own, such as 0,5: what the corrections between them bought, in each "
        "mode, with the same seeds; version 0 is the data as added"
    )
    parser.add_argument("--versions", metavar="A,B", default=argparse.SUPPRESS, help=help)


def compare(options: argparse.Namespace, out: Printer) -> int:
    """Train in several modes from the same start, and compare the results."""
    return experiment.run_experiment(options, out, "comparison", plan_runs, _report)


def plan_runs(options: argparse.Namespace, given: dict[str, Any]) -> list[FineTuneConfig]:
    """The runs that the options describe. Raises UsageError."""
    from ftcore.experiments import plan

    seeds, modes = experiment.chosen_seeds(options, SEEDS), experiment.chosen_modes(options, MODES)
    references = "references" in options
    if "versions" in options:
        numbers = _version_numbers(options.versions)
        configs = plan.plan_versions(given, numbers, modes, seeds, references)
    else:
        configs = plan.plan(given, modes, seeds, references=references)
    needed, settings = max(config.evaluations for config in configs), given_settings(options)
    if int(settings.get("evaluations", needed)) < needed:
        raise UsageError(
            f"Evaluations is {settings['evaluations']}; choose {needed} or more, for "
            f"{plan.MIN_EVALUATIONS} validations in each run."
        )
    return configs


def _version_numbers(text: str) -> list[int]:
    if re.fullmatch(r"\s*\d{1,9}\s*,\s*\d{1,9}\s*", text, re.ASCII):
        return [int(number) for number in text.split(",")]
    raise UsageError(f"Versions are {printable(text)!r}; give two numbers, such as 0,5.")


def _report(results: "list[Result]") -> tuple[dict[str, Any], list[str]]:
    """The figures of each mode and the verdict, as JSON values and as lines."""
    from ftcore.experiments import corrections, grouping, verdict

    rows = _rows(results)
    summary, findings = verdict.summary(results), verdict.findings(results)
    unfair = grouping.unfair_differences([result.run for result in results])
    values = {"modes": rows, "average": _average(results), "verdict": summary, "further": findings}
    values |= {"corrections": corrections.values(results), "unfair": unfair}
    warning = [grouping.warning(unfair)] if unfair else []
    return values, [*_table(rows), "", summary, *findings, *warning]


def _rows(results: "list[Result]") -> list[dict[str, Any]]:
    """Means over the seeds of each mode, with standard deviations if there are several seeds."""
    from ftcore.experiments.comparison import sides

    rows = []
    for side in sides(results):
        row: dict[str, Any] = {
            "mode": side.mode,
            "label": side.label,
            "seeds": sorted(side.by_seed),
            "train_seconds": side.train_seconds,
            "trainable_parameters": side.trainable_parameters,
            "parameters": side.parameters,
        }
        for split in ("val", "test"):
            values = [result.run.metrics[f"{split}_accuracy"] for result in side.results]
            row[f"{split}_accuracy"] = statistics.fmean(values)
            texts = [result.run.facts.get(f"{split}_texts") for result in side.results]
            row[f"{split}_texts"] = min(filter(None, texts), default=None)
            row[f"{split}_spread"] = statistics.stdev(values) if len(values) > 1 else None
        row |= {"macro_f1": side.macro_f1, "balanced_accuracy": side.balanced_accuracy}
        row |= {"micro_f1": side.micro_f1}
        row |= {"measure": side.measure, "per_class": side.by_class}
        rows.append(row)
    return rows


def _average(results: "list[Result]") -> dict[str, Any] | None:
    """What the average of TF-IDF and the most accurate network reaches, if there are both."""
    from ftcore.experiments.comparison import average, sides

    if (side := average(sides(results))) is None:
        return None
    figures = {"test_accuracy": side.test_accuracy, "macro_f1": side.macro_f1}
    return {"label": side.label, "seeds": sorted(side.by_seed), **figures}


def _table(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as lines of text; ± is the standard deviation over the seeds."""

    def accuracy(row: dict[str, Any], split: str) -> str:
        spread = row[f"{split}_spread"]
        mean = formatting.accuracy(row[f"{split}_accuracy"], row[f"{split}_texts"])
        return mean if spread is None else f"{mean} ± {percent(spread)}"

    by_f1 = ["macro F1"] if any(row["measure"] == "macro-f1" for row in rows) else []
    cells = [("mode", "seeds", "validation", "test", *by_f1, "training", "trained parameters")]
    for row in rows:
        seeds, seconds = ", ".join(map(str, row["seeds"])), duration(row["train_seconds"])
        trained = f"{row['trainable_parameters']:,}" if row["parameters"] else ""
        accuracies = (
            accuracy(row, "val"),
            accuracy(row, "test"),
            *(percent(row["macro_f1"]) for _ in by_f1),
        )
        cells.append((row["label"], seeds, *accuracies, seconds, trained))
    return experiment.aligned(cells)
