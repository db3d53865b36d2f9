"""The commands on experiments: compare, list, export."""

import argparse
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore.cli.commands import asked_by_signal, execute
from ftcore.cli.printer import Printer
from ftcore.config import given_settings
from ftcore.errors import UnfreezeError
from ftcore.storage import files
from ftcore.validation import printable

if TYPE_CHECKING:
    from ftcore.experiments.result import Result


def compare(options: argparse.Namespace, out: Printer) -> int:
    """Train in several modes from the same start, and say what came out."""
    from ftcore import tracking
    from ftcore.experiments import catalog, plan
    from ftcore.experiments.verdict import findings, summary
    from ftcore.runs.checks import check_config

    settings = given_settings(options)
    modes = [mode.strip() for mode in options.modes.split(",") if mode.strip()]
    configs = plan.plan(settings, modes, _numbers(options.seeds), references=options.references)
    for config in configs:
        check_config(config)
    if options.export:
        files.check_free(Path(options.export))
    experiment, name = plan.new_id(), settings.get("name") or plan.default_name(configs)
    out.record({"event": "experiment", "experiment": experiment, "name": name}, f"{name}\n")
    out.brief = True
    request = asked_by_signal()
    for number, config in enumerate(configs, start=1):
        run_id = tracking.create_run(config, experiment, name)
        out.record(
            {"event": "created", "run_id": run_id, "config": config.to_dict()},
            f"Run {run_id}, {number} of {len(configs)}: {config.name}",
        )
        last = execute(run_id, request, out)
        out.event(last)
        if last.status in ("failed", "interrupted"):
            print(last.message, file=sys.stderr)
        if request.action:
            break
    results = catalog.load(experiment)
    rows = _table(results)
    verdict, more = summary(results), findings(results)
    out.record(
        {
            "experiment": experiment,
            "name": name,
            "modes": rows,
            "verdict": verdict,
            "further": more,
        },
        "\n".join(["", *_lined(rows), "", verdict, *more, "", f"Experiment {experiment}"]),
    )
    if options.export:
        catalog.export(experiment, Path(options.export))
    return int(any(one.run.status == "failed" for one in results))


def experiments(options: argparse.Namespace, out: Printer) -> None:
    """List the experiments, newest first."""
    from ftcore.experiments import catalog

    for row in catalog.experiments().to_dict("records"):
        row["started"] = row["started"].isoformat(timespec="seconds")
        out.record(
            row, f"{row['experiment']:12}  {row['status']:11} {row['runs']:3} runs  {row['name']}"
        )


def export_experiment(options: argparse.Namespace, out: Printer) -> None:
    """Write an experiment to a folder: its runs, curves and what they came to."""
    from ftcore.experiments import catalog

    catalog.export(options.experiment, Path(options.to))
    out.record({"exported": options.to}, f"Exported to {options.to}")


def _numbers(listed: str) -> list[int]:
    try:
        return [int(one) for one in listed.split(",")]
    except ValueError:
        raise UnfreezeError(
            f"Seeds are {printable(listed)!r}; give whole numbers, such as 0,1,2."
        ) from None


def _table(results: "list[Result]") -> list[dict[str, Any]]:
    """Means over the seeds of each mode, and their standard deviation where there are several."""
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
            values = [one.run.metrics[f"{split}_accuracy"] for one in side.results]
            row[f"{split}_accuracy"] = statistics.fmean(values)
            row[f"{split}_spread"] = statistics.stdev(values) if len(values) > 1 else None
        rows.append(row)
    return rows


def _lined(rows: list[dict[str, Any]]) -> list[str]:
    """The table for a person; ± is the standard deviation over seeds."""

    def percent(row: dict[str, Any], split: str) -> str:
        spread = row[f"{split}_spread"]
        return f"{row[f'{split}_accuracy']:.1%}" + ("" if spread is None else f" ± {spread:.1%}")

    cells = [("mode", "seeds", "validation", "test", "training", "trained parameters")] + [
        (
            row["label"],
            ", ".join(map(str, row["seeds"])),
            percent(row, "val"),
            percent(row, "test"),
            f"{row['train_seconds']:.1f} s",
            f"{row['trainable_parameters']:,}" if row["parameters"] else "",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
