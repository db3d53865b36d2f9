"""The command that trains several modes and compares them."""

import argparse
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore.cli import streams
from ftcore.cli.options import given_settings, refuse_ignored
from ftcore.cli.printer import Printer
from ftcore.cli.training import end_on_signal, execute
from ftcore.config import FineTuneConfig, mode_defaults
from ftcore.errors import UsageError
from ftcore.formatting import duration, percent
from ftcore.storage import files
from ftcore.validation import printable

if TYPE_CHECKING:
    from ftcore.experiments.result import Result

DEFAULTS = {  # for help; `experiments.plan` sets them
    "epochs": mode_defaults("gradual").epochs,
    "batch_size": mode_defaults("full").batch_size,
    "evaluations": "5, or as many as give 20 in a run",
}


def compare(options: argparse.Namespace, out: Printer) -> int:
    """Train in several modes from the same start, and compare the results."""
    from ftcore.experiments import catalog, plan, verdict
    from ftcore.runs.checks import check_config

    settings = given_settings(options)
    modes = [mode.strip() for mode in options.modes.split(",") if mode.strip()]
    configs = plan.plan(settings, modes, _seeds(options.seeds), references=options.references)
    refuse_ignored(settings, *configs)
    for config in configs:
        check_config(config)
    if options.export:
        files.check_free(Path(options.export))
    experiment, name = plan.new_id(), settings.get("name") or plan.default_name(configs)
    out.record({"event": "experiment", "experiment": experiment, "name": name}, f"{name}\n")
    _execute_all(configs, experiment, name, out)
    results = catalog.load(experiment)
    rows = _rows(results)
    summary, findings = verdict.summary(results), verdict.findings(results)
    outcome = {"modes": rows, "verdict": summary, "further": findings}
    out.record(
        {"experiment": experiment, "name": name, **outcome},
        "\n".join(["", *_table(rows), "", summary, *findings, "", f"Experiment {experiment}"]),
    )
    if options.export:
        catalog.export(experiment, Path(options.export))
    return int(any(result.run.status == "failed" for result in results))


def _seeds(text: str) -> list[int]:
    try:
        return [int(seed) for seed in text.split(",")]
    except ValueError:
        message = f"Seeds are {printable(text)!r}; give whole numbers, such as 0,1,2."
        raise UsageError(message) from None


def _execute_all(configs: list[FineTuneConfig], experiment: str, name: str, out: Printer) -> None:
    """Execute one run after the other, until a signal asks to end."""
    from ftcore import tracking

    out.brief = True
    request = end_on_signal()
    for number, config in enumerate(configs, start=1):
        run_id = tracking.create_run(config, experiment, name)
        values = {"event": "created", "run_id": run_id, "config": config.to_dict()}
        line = f"Run {run_id}, {number} of {len(configs)}: {config.name}"
        last = execute(run_id, values, line, request, out)
        out.event(last)
        if last.status in ("failed", "interrupted"):
            streams.complain(last.message)
        if request.action:
            break


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
            row[f"{split}_spread"] = statistics.stdev(values) if len(values) > 1 else None
        rows.append(row)
    return rows


def _table(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as lines of text; ± is the standard deviation over the seeds."""

    def accuracy(row: dict[str, Any], split: str) -> str:
        mean, spread = percent(row[f"{split}_accuracy"]), row[f"{split}_spread"]
        return mean if spread is None else f"{mean} ± {percent(spread)}"

    cells = [("mode", "seeds", "validation", "test", "training", "trained parameters")]
    for row in rows:
        seeds, seconds = ", ".join(map(str, row["seeds"])), duration(row["train_seconds"])
        trained = f"{row['trainable_parameters']:,}" if row["parameters"] else ""
        accuracies = accuracy(row, "val"), accuracy(row, "test")
        cells.append((row["label"], seeds, *accuracies, seconds, trained))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
