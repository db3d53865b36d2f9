"""The command that trains several modes and compares them."""

import argparse
import contextlib
import statistics
from typing import TYPE_CHECKING, Any

from ftcore import formatting
from ftcore.cli import streams
from ftcore.cli.encoders import import_given
from ftcore.cli.options import given_settings, refuse_ignored, with_preset
from ftcore.cli.printer import Printer, program
from ftcore.cli.training import end_on_signal, execute, exit_status
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Finished
from ftcore.formatting import duration, percent
from ftcore.modes import mode_defaults
from ftcore.storage import files
from ftcore.validation import expand_home, printable

if TYPE_CHECKING:
    from filelock import FileLock

    from ftcore.experiments.result import Result
    from ftcore.runs.execution import EndRequest
    from ftcore.tracking import Run

MODES, SEEDS = "full,last-layer,gradual,scratch", "0"  # by default
DEFAULTS = {  # for help; `experiments.plan` sets them
    "epochs": f"{mode_defaults('gradual').epochs}, of an encoder more on few texts",
    "batch_size": mode_defaults("full").batch_size,
    "evaluations": "as many as give 20 in a run, 5 per epoch at least; of an encoder 0",
}


def compare(options: argparse.Namespace, out: Printer) -> int:
    """Train in several modes from the same start, and compare the results."""
    from ftcore.experiments import catalog, plan
    from ftcore.runs import scheduler

    if options.export:
        files.check_free(expand_home(options.export))
    if options.resume:
        experiment, runs = options.resume, _unfinished(options)
        name = catalog.load(experiment)[0].run.experiment_name
        claims = scheduler.claim_unfinished([run.run_id for run in runs])
    else:
        configs = _plan(options, out)
        name = given_settings(options).get("name") or plan.default_name(configs)
        experiment = plan.new_id()
        claims = scheduler.record_experiment(configs, experiment, name)
    request = end_on_signal()
    out.record({"event": "experiment", "experiment": experiment, "name": name}, f"{name}\n")
    ends = _execute_all(claims, request, out)
    results = catalog.load(experiment)
    _report(experiment, results, out)
    failed = any(result.run.status == "failed" for result in results)
    status = exit_status(request, *ends) or int(failed)
    if options.export:
        try:
            catalog.export(experiment, expand_home(options.export))
        except UnfreezeError as error:
            streams.complain(f"Not exported: {error}")
            return status or 1
    return status


def _plan(options: argparse.Namespace, out: Printer) -> list[FineTuneConfig]:
    """The runs that the options describe. Raises UnfreezeError if one of them cannot succeed."""
    from ftcore.experiments import plan
    from ftcore.runs.checks import check_config, refuse_unused_paths

    settings = import_given(given_settings(options), options.revision, out)
    seeds = _seeds(getattr(options, "seeds", SEEDS))
    modes = [mode.strip() for mode in getattr(options, "modes", MODES).split(",") if mode.strip()]
    given = with_preset(settings, options.preset)
    if "steps" not in settings:  # of a preset: all modes take the same epochs
        given.pop("steps", None)
    configs = plan.plan(given, modes, seeds, references="references" in options)
    refuse_unused_paths(*configs)
    refuse_ignored(settings, *configs)
    needed = max(config.evaluations for config in configs)
    if int(settings.get("evaluations", needed)) < needed:
        raise UsageError(
            f"Evaluations is {settings['evaluations']}; choose {needed} or more, for "
            f"{plan.MIN_EVALUATIONS} validations in each run."
        )
    for config in configs:
        check_config(config)
    return configs


def _unfinished(options: argparse.Namespace) -> "list[Run]":
    """The runs of the experiment `--resume` that are left, those that had begun first."""
    from ftcore.experiments import catalog
    from ftcore.runs.checks import check_config

    others = [name for name in ("modes", "seeds", "references") if name in options]
    others += ["preset"] if options.preset else []
    if given := [*given_settings(options), *others]:
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise UsageError(f"--resume goes on with the settings of the experiment: omit {names}.")
    runs = [result.run for result in catalog.load(options.resume)]
    left = [run for run in runs if run.live or run.resumable]
    if not left:
        streams.complain("There was nothing to do: this experiment is over.")
    for run in left:
        check_config(run.config)
    return sorted(left, key=lambda run: not run.facts)


def _seeds(text: str) -> list[int]:
    try:
        return [int(seed) for seed in text.split(",")]
    except ValueError:
        message = f"Seeds are {printable(text)!r}; give whole numbers, such as 0,1,2."
        raise UsageError(message) from None


def _execute_all(
    claims: "dict[str, FileLock]", request: "EndRequest", out: Printer
) -> list[Finished]:
    """Execute claimed runs one after the other, until a signal asks to end; return their last events."""
    from ftcore import tracking

    out.brief = True
    ends: list[Finished] = []
    waiting = dict(claims)
    try:
        for number, run_id in enumerate(claims, start=1):
            run = tracking.run(run_id)
            event = "resumed" if run.facts else "created"
            values = {"event": event, "run_id": run_id, "config": run.config.to_dict()}
            line = f"Run {run_id}, {number} of {len(claims)}: {run.name}"
            ends.append(execute(run_id, values, line, request, out, waiting.pop(run_id)))
            out.event(ends[-1])
            if ends[-1].status in ("failed", "interrupted"):
                streams.complain(ends[-1].message)
            if request.signal:
                break
            request.action = None  # another process has ended this run alone
    finally:
        end = Finished("interrupted", "The program ended before this run began.")
        for run_id, claim in waiting.items():
            with contextlib.suppress(UnfreezeError):
                if tracking.run(run_id).status == "queued":
                    tracking.finish(run_id, end)
            claim.release()
    return ends + [end] * len(waiting)


def _report(experiment: str, results: "list[Result]", out: Printer) -> None:
    """Print the table, the verdict and, of an experiment that is not over, how it goes on."""
    from ftcore.experiments import catalog, verdict

    name, rows = results[0].run.experiment_name, _rows(results)
    statuses = [result.run.status for result in results]
    finished = statuses.count("finished")
    summary, findings = verdict.summary(results), verdict.findings(results)
    lines = ["", *_table(rows), "", summary, *findings, "", f"Experiment {experiment}"]
    if finished < len(results):
        lines[-1] += f": {finished} of {len(results)} runs are finished."
    if any(result.run.resumable for result in results):
        lines.append(f"Resume it: {program()} compare --resume {experiment}")
    status = catalog.status_of(statuses)
    count = {"status": status, "runs": len(results), "finished": finished}
    notes = list(dict.fromkeys(note for result in results for note in result.run.notes))
    outcome: dict[str, Any] = {"modes": rows, "average": _average(results), "notes": notes}
    outcome |= {"verdict": summary, "further": findings}
    out.record({"experiment": experiment, "name": name, **count, **outcome}, "\n".join(lines))


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
        rows.append(row)
    return rows


def _average(results: "list[Result]") -> dict[str, Any] | None:
    """What the average of TF-IDF and the most accurate network reaches, if there are both."""
    from ftcore.experiments.comparison import average, sides

    if (side := average(sides(results))) is None:
        return None
    accuracy = side.test_accuracy
    return {"label": side.label, "seeds": sorted(side.by_seed), "test_accuracy": accuracy}


def _table(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as lines of text; ± is the standard deviation over the seeds."""

    def accuracy(row: dict[str, Any], split: str) -> str:
        spread = row[f"{split}_spread"]
        mean = formatting.accuracy(row[f"{split}_accuracy"], row[f"{split}_texts"])
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
