"""Commands that train: a run from its start or its snapshot, a rate search, word vectors."""

import argparse
import contextlib
import os
import signal
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore.cli import streams
from ftcore.cli.encoders import import_given
from ftcore.cli.options import given_settings, refuse_ignored, with_preset
from ftcore.cli.printer import Printer, program
from ftcore.config import NEW_MODEL, FineTuneConfig
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Event, Finished, Task, drain
from ftcore.formatting import accuracy, count, duration, percent
from ftcore.text.vector_settings import GLOVE_SETTINGS, VECTOR_SETTINGS, VectorSettings

if TYPE_CHECKING:
    from ftcore.runs.execution import EndRequest
    from ftcore.tracking import Claim

PRETRAIN_DATASET = "ag_news"
# The metrics in the record of a run's end.
METRICS = ["val_accuracy", "val_macro_f1", "test_accuracy", "macro_f1", "balanced_accuracy"]
METRICS += ["micro_f1"]
METRICS += ["seconds", "train_seconds", "reviews_per_second"]
METRICS += ["features_seconds", "features_kept"]


def train(options: argparse.Namespace, out: Printer) -> int:
    """Fine-tune a checkpoint."""
    given = import_given(given_settings(options), options.revision, out)
    return _train(given, with_preset(given, options.preset), out)


def pretrain(options: argparse.Namespace, out: Printer) -> int:
    """Train a new model from word vectors."""
    fixed = {"dataset": PRETRAIN_DATASET, "checkpoint": NEW_MODEL}
    return _train(given_settings(options), fixed, out)


def _train(given: dict[str, Any], others: dict[str, Any], out: Printer) -> int:
    """Train by the given settings; `others` are those of a preset or the command."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise UsageError(
            "Start the command without torchrun: it starts the processes of --devices itself."
        )
    config = FineTuneConfig.from_dict(others | given)  # before imports that take a second
    from ftcore import tracking
    from ftcore.runs import workers
    from ftcore.runs.checks import check_config, refuse_unused_paths

    workers.check()
    refuse_unused_paths(config)
    refuse_ignored(given, config)
    check_config(config)
    run_id = tracking.create_run(config)
    config = tracking.run(run_id).config
    values = {"event": "created", "run_id": run_id, "config": config.to_dict()}
    return _execute_and_report(tracking.claim(run_id), run_id, config, values, out)


def resume(options: argparse.Namespace, out: Printer) -> int:
    """Resume a run that was paused or interrupted."""
    from ftcore import tracking
    from ftcore.runs import inputs, scheduler, workers

    workers.check()
    run = tracking.run(options.run)
    if run.status == "finished":
        streams.complain("There was nothing to do: this run is finished.")
        _report_end(run.run_id, run.config, Finished("finished", run.message, run.metrics), out)
        return 0
    if not run.resumable and run.status != "queued":
        raise UnfreezeError(
            f"This run is {run.status}; only a paused or interrupted run can be resumed."
        )
    drain(inputs.fetch_to_resume(run), out.event)
    claim = scheduler.claim_unfinished([run.run_id])[run.run_id]
    values = {"event": "resumed", "run_id": run.run_id, "config": run.config.to_dict()}
    return _execute_and_report(claim, run.run_id, run.config, values, out)


def end_on_signal() -> "EndRequest":
    """A request that Ctrl-C and SIGTERM set: the run ends at its next step and can be resumed.

    A second Ctrl-C ends the program at once.
    """
    from ftcore.runs.execution import EndRequest

    request = EndRequest()

    def interrupt(number: int, _: object) -> None:
        request.action, request.signal = "interrupt", number
        signal.signal(signal.SIGINT, signal.default_int_handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    return request


def execute(
    run_id: str,
    values: dict[str, Any],
    line: str,
    request: "EndRequest",
    out: Printer,
    claim: "Claim",
) -> Finished:
    """Announce a run by `values` or `line`, execute it, print its events and return the last one.

    It is claimed before: if the output cannot be written it is interrupted, wherever that happens.
    """
    from ftcore import tracking
    from ftcore.runs import execution

    try:
        out.record(values, line)
        last = _print_events(execution.execute(run_id, request, claim), out)
        if request.action == "discard":
            tracking.delete(run_id)
        return last
    except streams.UnwritableOutput as error:
        advice = f"The run is interrupted; resume it: {program()} resume {run_id}"
        raise streams.UnwritableOutput(f"{error} {advice}") from error
    finally:
        claim.release()


def follow(
    run_id: str, values: dict[str, Any], line: str, request: "EndRequest", out: Printer
) -> Finished:
    """The same for a run that was handed over to another process, which goes on without us."""
    from ftcore.runs import handover

    try:
        out.record(values, line)
        events = handover.follow(run_id, request, resumed=values["event"] == "resumed")
        return _print_events(events, out)
    except streams.UnwritableOutput as error:
        raise streams.UnwritableOutput(f"{error} The run goes on.") from error


def _print_events(task: Generator[Event, None, None], out: Printer) -> Finished:
    """Print the events of a run but the last, which is returned."""
    last = Finished("failed", "The run ended without a result.")
    with contextlib.closing(task) as events:
        for event in events:
            if isinstance(event, Finished):
                last = event
            else:
                out.event(event)
    return last


def exit_status(request: "EndRequest", *ends: Finished) -> int:
    """128 and the number of the signal that interrupted the program, as shells have it; 1 after a failure."""
    statuses = {last.status for last in ends}
    if request.signal and "interrupted" in statuses:
        return 128 + request.signal
    return int(bool(statuses & {"failed", "interrupted"}))


def _execute_and_report(
    claim: "Claim", run_id: str, config: FineTuneConfig, values: dict[str, Any], out: Printer
) -> int:
    """Execute a claimed run or hand it over, print how it ended and return the exit status."""
    from ftcore.runs import handover, workers

    request = end_on_signal()
    if workers.kind() == "ray":
        drain(handover.hand_over({run_id: claim}), out.event)
        last = follow(run_id, values, f"Run {run_id}", request, out)
    else:
        last = execute(run_id, values, f"Run {run_id}", request, out, claim)
    _report_end(run_id, config, last, out)
    return exit_status(request, last)


def _report_end(run_id: str, config: FineTuneConfig, last: Finished, out: Printer) -> None:
    """Print how a run ended."""
    from ftcore import tracking

    metrics, facts, notes = last.metrics, {}, out.notes
    where: dict[str, Any] = {"worker": None, "node": None}
    with contextlib.suppress(UnfreezeError):  # its end was not recorded, or it was discarded
        run = tracking.run(run_id)
        facts, notes, where = run.facts, run.notes, {"worker": run.worker, "node": run.node}
    record = {
        "run_id": run_id,
        "status": last.status,
        "message": last.message,
        "mode": config.mode,
        "dataset": config.dataset,
        **where,
        **{name: metrics.get(name) for name in METRICS},
        "trainable_parameters": facts.get("trainable_parameters"),
        "parameters": facts.get("parameters"),
        **{f"{split}_texts": facts.get(f"{split}_texts") for split in ("val", "test")},
        "best_by": facts.get("best_by"),
        "per_class": _per_class(run_id) if "test_accuracy" in metrics else None,
        "notes": notes,
    }
    outcome = f"{last.status}: {last.message}"
    failed = last.status in ("failed", "interrupted")
    if failed:
        streams.complain(outcome)
    lines = [] if failed else [outcome]
    if figures := _figures(metrics, facts):
        lines.append(figures)
    if last.status == "interrupted":
        lines.append(f"Resume it: {program()} resume {run_id}")
    if "best_step" in metrics and config.keep_model:
        lines.append(f'Try it: {program()} predict --run {run_id} "a text"')
    out.record(record, "\n".join(lines))


def _per_class(run_id: str) -> list[dict[str, Any]] | None:
    """The figures of each class; None if the answers to the test texts were not kept."""
    from ftcore.diagnostics.results import Diagnostics

    answers = Diagnostics.of_run(run_id)
    return answers.by_class.by_label(answers.labels) if answers else None


def _figures(metrics: dict[str, float], facts: dict[str, Any]) -> str:
    figures = [
        f"{name} {accuracy(metrics[f'{split}_accuracy'], facts.get(f'{split}_texts'))}"
        for name, split in (("validation", "val"), ("test", "test"))
        if f"{split}_accuracy" in metrics
    ]
    if facts.get("best_by") == "macro-f1" and "macro_f1" in metrics:
        figures.append(f"macro F1 {percent(metrics['macro_f1'])}")
    if "micro_f1" in metrics:
        figures.append(f"micro F1 {percent(metrics['micro_f1'])}")
    if seconds := metrics.get("train_seconds"):
        figures.append(f"{duration(seconds)} of training")
    if speed := metrics.get("reviews_per_second"):
        figures.append(f"{count(speed)} texts/s")
    return ", ".join(figures)


def find_rate(options: argparse.Namespace, out: Printer) -> None:
    """Find a learning rate: one short run in which it rises until the loss explodes."""
    from ftcore.runs.checks import check_config, refuse_unused_paths
    from ftcore.training import lr_finder, lr_search

    given = import_given(given_settings(options), options.revision, out)
    config = FineTuneConfig.from_dict(with_preset(given, options.preset))
    refuse_unused_paths(config)
    refuse_ignored(given, config, unused=lr_search.unused(config.mode))
    check_config(config)
    search = drain(lr_finder.find_rate(config), out.event)
    line = lr_search.NOTHING
    if search.suggestion:
        line = (
            f"Try --learning-rate {search.suggestion:g}, safely below the rates at which the loss "
            "rises."
        )
    out.record(asdict(search), "\n".join([*search.notes, line]))


def vectors(options: argparse.Namespace, out: Printer) -> None:
    """Train word vectors, or download the first words of GloVe."""
    from ftcore.text import vector_training, word_vectors

    task: Task[Path]
    given = given_settings(options, VECTOR_SETTINGS)
    settings = VectorSettings(**given)
    if options.sources:
        task = vector_training.train_vectors(vector_training.corpus(options.sources), settings)
    elif unused := sorted(given.keys() - GLOVE_SETTINGS):
        names = ", ".join(f"--{name}" for name in unused)
        raise UsageError(f"Without texts, GloVe is downloaded: omit {names}, or give texts.")
    else:
        task = word_vectors.fetch_glove(settings.words, settings.dim)
    path = drain(task, out.event)
    out.record({"vectors": str(path), "notes": out.notes}, f"Vectors: {path}")
