"""What the commands that train several runs share: execution, resume, export."""

import argparse
import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ftcore.cli import streams
from ftcore.cli.encoders import import_given
from ftcore.cli.options import given_settings, refuse_ignored, with_preset
from ftcore.cli.printer import Printer, program
from ftcore.cli.training import end_on_signal, execute, exit_status, follow
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Finished, drain
from ftcore.storage import files
from ftcore.validation import expand_home, printable

if TYPE_CHECKING:
    from ftcore.experiments.kinds import Kind
    from ftcore.experiments.result import Result
    from ftcore.runs.execution import EndRequest
    from ftcore.tracking import Claim, Run

Plan = Callable[[argparse.Namespace, dict[str, Any]], list[FineTuneConfig]]
"""Options, and the settings among them with those of a preset → the runs."""

Report = Callable[["list[Result]"], tuple[dict[str, Any], list[str]]]
"""Results → what they show, as JSON values and as lines."""

COMMANDS: "dict[Kind, str]" = {"comparison": "compare", "learning curve": "learning-curve"}


def add_arguments(parser: argparse.ArgumentParser, modes: str, seeds: str) -> None:
    """Add the options of a command that trains several runs; `modes` and `seeds` are the defaults."""
    help = f"modes, by commas (default: {modes})"
    parser.add_argument("--modes", default=argparse.SUPPRESS, help=help)
    help = f"seeds, by commas; each mode runs with each (default: {seeds})"
    parser.add_argument("--seeds", default=argparse.SUPPRESS, help=help)
    help = "also the reference lines"
    parser.add_argument("--references", action="store_true", default=argparse.SUPPRESS, help=help)
    parser.add_argument("--export", metavar="FOLDER", help="new folder to export to")
    help = "id of an experiment that was interrupted or paused: go on with what is left of it"
    parser.add_argument("--resume", metavar="ID", help=help)


def run_experiment(
    options: argparse.Namespace, out: Printer, kind: "Kind", plan: Plan, report: Report
) -> int:
    """Execute a new experiment, or what is left of one, and report; return the exit status."""
    from ftcore.experiments import catalog
    from ftcore.experiments.plan import default_name, new_id
    from ftcore.runs import scheduler, workers

    workers.check()
    if options.export:
        files.check_free(expand_home(options.export))
    if options.resume:
        experiment, runs = options.resume, _unfinished(options, kind, out)
        name = catalog.load(experiment)[0].run.experiment_name
        claims = scheduler.claim_unfinished([run.run_id for run in runs])
    else:
        configs = checked_plan(options, out, plan)
        name = given_settings(options).get("name") or default_name(configs)
        experiment = new_id()
        claims = scheduler.record_experiment(configs, experiment, name)
    request = end_on_signal()
    out.record({"event": "experiment", "experiment": experiment, "name": name}, f"{name}\n")
    execute_all = _follow_all if workers.kind() == "ray" else _execute_all
    ends = execute_all(claims, request, out)
    results = catalog.load(experiment)
    _print_report(experiment, results, COMMANDS[kind], report, out)
    failed = any(result.run.status == "failed" for result in results)
    status = exit_status(request, *ends) or int(failed)
    if options.export:
        try:
            catalog.export(experiment, expand_home(options.export))
        except UnfreezeError as error:
            streams.complain(f"Not exported: {error}")
            return status or 1
    return status


def checked_plan(options: argparse.Namespace, out: Printer, plan: Plan) -> list[FineTuneConfig]:
    """The runs that the options describe. Raises UnfreezeError if one of them cannot succeed."""
    from ftcore.runs.checks import check_config, refuse_unused_paths

    settings = import_given(given_settings(options), options.revision, out)
    given = with_preset(settings, options.preset)
    if "steps" not in settings:  # of a preset: all runs take their own epochs
        given.pop("steps", None)
    configs = plan(options, given)
    refuse_unused_paths(*configs)
    refuse_ignored(settings, *configs)
    for config in configs:
        check_config(config)
    return configs


def _unfinished(options: argparse.Namespace, kind: "Kind", out: Printer) -> "list[Run]":
    """The runs of the experiment `--resume` that are left, those that had begun first."""
    from ftcore.experiments import catalog, kinds
    from ftcore.runs import inputs

    own = ("modes", "seeds", "references", "versions", "sizes", "one_seed_from")
    others = [name for name in own if name in options]
    others += ["preset"] if options.preset else []
    if given := [*given_settings(options), *others]:
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise UsageError(f"--resume goes on with the settings of the experiment: omit {names}.")
    runs = [result.run for result in catalog.load(options.resume)]
    if (actual := kinds.kind_of(run.config.limit for run in runs)) != kind:
        resume = f"{program()} {COMMANDS[actual]} --resume {printable(options.resume)}"
        raise UsageError(f"This experiment is a {actual}; resume it: {resume}")
    left = [run for run in runs if run.live or run.resumable]
    if not left:
        streams.complain("There was nothing to do: this experiment is over.")
    for run in left:
        drain(inputs.fetch_to_resume(run), out.event)
    return sorted(left, key=lambda run: not run.facts)


def chosen_modes(options: argparse.Namespace, default: str) -> list[str]:
    """The modes of the option `--modes`."""
    modes = getattr(options, "modes", default).split(",")
    return [mode.strip() for mode in modes if mode.strip()]


def chosen_seeds(options: argparse.Namespace, default: str) -> list[int]:
    """The seeds of the option `--seeds`. Raises UsageError."""
    text = getattr(options, "seeds", default)
    try:
        return [int(seed) for seed in text.split(",")]
    except ValueError:
        message = f"Seeds are {printable(text)!r}; give whole numbers, such as 0,1,2."
        raise UsageError(message) from None


def _execute_all(claims: "dict[str, Claim]", request: "EndRequest", out: Printer) -> list[Finished]:
    """Execute claimed runs one after the other, until a signal asks to end; return their last events."""
    from ftcore import tracking

    out.brief = True
    ends: list[Finished] = []
    waiting = dict(claims)
    try:
        for number, run_id in enumerate(claims, start=1):
            values, line = _announcement(tracking.run(run_id), number, len(claims))
            ends.append(execute(run_id, values, line, request, out, waiting.pop(run_id)))
            _print_end(ends[-1], out)
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


def _follow_all(claims: "dict[str, Claim]", request: "EndRequest", out: Printer) -> list[Finished]:
    """Hand claimed runs over to workers, which may execute several at once; print one after the other."""
    from ftcore import tracking
    from ftcore.runs import handover

    out.brief = True
    announcements = [
        _announcement(tracking.run(run_id), number, len(claims))
        for number, run_id in enumerate(claims, start=1)
    ]
    drain(handover.hand_over(claims), out.event)
    ends = []
    for run_id, (values, line) in zip(claims, announcements, strict=True):
        ends.append(follow(run_id, values, line, request, out))
        _print_end(ends[-1], out)
    return ends


def _announcement(run: "Run", number: int, runs: int) -> tuple[dict[str, Any], str]:
    """What is said of a run before its events, as JSON values and as a line."""
    event = "resumed" if run.facts else "created"
    values = {"event": event, "run_id": run.run_id, "config": run.config.to_dict()}
    return values, f"Run {run.run_id}, {number} of {runs}: {run.name}"


def _print_end(end: Finished, out: Printer) -> None:
    out.event(end)
    if end.status in ("failed", "interrupted"):
        streams.complain(end.message)


def _print_report(
    experiment: str, results: "list[Result]", command: str, report: Report, out: Printer
) -> None:
    """Print what an experiment shows and, if it is not over, how it goes on."""
    from ftcore.experiments import catalog

    name, statuses = results[0].run.experiment_name, [result.run.status for result in results]
    finished = statuses.count("finished")
    values, lines = report(results)
    last = f"Experiment {experiment}"
    if finished < len(results):
        last += f": {finished} of {len(results)} runs are finished."
    lines = ["", *lines, "", last]
    if any(result.run.resumable for result in results):
        lines.append(f"Resume it: {program()} {command} --resume {experiment}")
    status = catalog.status_of(statuses)
    count = {"status": status, "runs": len(results), "finished": finished}
    notes = list(dict.fromkeys(note for result in results for note in result.run.notes))
    where = {
        name: ", ".join(sorted({getattr(result.run, name) for result in results}))
        for name in ("worker", "node")
    }
    values = {"experiment": experiment, "name": name, **count, **where, **values, "notes": notes}
    out.record(values, "\n".join(lines))


def aligned(cells: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows of a table as lines of text."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
