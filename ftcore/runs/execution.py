"""Executes one run from its first event to its last, and records all of them."""

import contextlib
import logging
import shutil
import socket
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ftcore import tracking
from ftcore.earlier_settings import SELF_TRAINED
from ftcore.errors import (
    ChangedDependency,
    Diverged,
    LostProcess,
    UnfreezeError,
    UnreadableSnapshot,
    is_disk_full,
    is_out_of_files,
    user_message,
)
from ftcore.events import (
    Action,
    Event,
    Finished,
    Noted,
    Pause,
    Started,
    Status,
    Stop,
    Task,
    drain,
)
from ftcore.models import checkpoints
from ftcore.modes import REFERENCES
from ftcore.runs import inputs, unstored
from ftcore.runs.publishing import Publisher
from ftcore.storage import open_files
from ftcore.storage.shared import StorageUnavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Executor:
    """What executes a run, for its record."""

    worker: str = "local"
    node: str = field(default_factory=socket.gethostname)
    threads: int = 0  # that compute; 0: as many as torch takes by default


@dataclass
class EndRequest:
    """Asks a run to end at its next event; set by another thread or a signal handler."""

    action: Action | None = None
    signal: int = 0  # that the program was sent


def execute(
    run_id: str,
    request: EndRequest | None = None,
    claim: tracking.Claim | None = None,
    executor: Executor | None = None,
) -> Generator[Event, None, None]:
    """Execute a run, or resume it from its snapshot; record and yield its events.

    An error becomes the run's last event. Claims the run unless a `claim` is given, and releases it at the
    end. Raises UnfreezeError if another process has claimed the run, its start cannot be recorded, or too
    many files are open; ClaimLost if another process goes on with the run.
    """
    # Imported late: torch takes seconds, and a page submits a run without it.
    from ftcore import devices
    from ftcore.training import snapshots

    claim = claim or tracking.claim(run_id)
    request = request or EndRequest()
    run = tracking.run(run_id)
    executor = executor or Executor(threads=run.config.threads)
    output = checkpoints.run_path(run_id)
    unstored.forget(run_id)
    publisher = Publisher(run, claim)
    try:
        open_files.check_room()
        with (
            devices.threads(executor.threads),
            tracking.Recorder(run_id, claim, executor.worker, executor.node) as recorder,
        ):
            last = yield from _record_events(run_id, output, request, claim, recorder, publisher)
            if last.status == "paused" and request.action == "interrupt":
                message = last.message.replace("Paused", "The program was stopped", 1)
                last = replace(last, status="interrupted", message=message)
            for event in publisher.finish():  # before others know that the run has ended
                recorder.write(event)
            message = last.message
            if publisher.failure:
                alone = f"{last.message} Its files are on this machine alone: {publisher.failure}"
                last = replace(last, message=alone)
            try:
                recorder.write(last)
            except UnfreezeError as error:
                last = replace(last, status="interrupted", message=f"{error} Then resume the run.")
            if last.status not in ("paused", "interrupted"):
                snapshots.discard(output)
            if last.status == "finished":
                _discard_unwanted_model(run_id, output)
            if not publisher.failure:
                drain(publisher.finish())
            if publisher.failure:
                with contextlib.suppress(
                    UnfreezeError
                ):  # then it has not ended by its record either
                    unstored.remember(run_id, message)
            yield last
    finally:
        publisher.close()
        claim.release()
        devices.release_memory()


def _discard_unwanted_model(run_id: str, output: Path) -> None:
    """Delete the model of a recorded run that was asked not to keep it."""
    with contextlib.suppress(UnfreezeError):
        if not tracking.run(run_id).config.keep_model:
            shutil.rmtree(output, ignore_errors=True)


def ended(run_id: str, status: Status, message: str) -> Finished:
    """The last event of a run that could not yield its own, with the metrics of its checkpoint, if any."""
    try:
        checkpoint = checkpoints.find(run_id)
    except UnfreezeError:
        return Finished(status, message)
    if status == "stopped":
        step = checkpoint.metrics.get("best_step", 0)
        message = f"Stopped; the best model, of step {step:,.0f}, is kept."
    return Finished(status, message, checkpoint.metrics)


def _record_events(
    run_id: str,
    output: Path,
    request: EndRequest,
    claim: tracking.Claim,
    recorder: tracking.Recorder,
    publisher: Publisher,
) -> Generator[Event, None, Finished]:
    """Record and yield all events but the last, which is returned."""
    from ftcore.training import dependencies, snapshots

    last = Finished("failed", "The run ended without a result.")
    begun, told = False, ""
    try:
        run = tracking.run(run_id)
        with contextlib.closing(_task(run, output)) as task:
            for event in _until_requested(task, request, claim):
                publisher.see(event)
                if isinstance(event, Started):
                    dependencies.check_facts(run.facts, event.facts)  # of an earlier start
                if isinstance(event, Finished):
                    last = event
                else:
                    failure = recorder.failure
                    recorder.write(event)
                    yield event
                    if bool(recorder.failure) != bool(failure):
                        yield Noted(_outage(recorder.failure))
                    begun = begun or isinstance(event, Started)
                    if begun and publisher.failure != told:
                        told = publisher.failure
                        recorder.write(note := Noted(_stored(told)))
                        yield note
        return last
    except GeneratorExit:
        recorder.write(ended(run_id, "interrupted", "The program ended during this run."))
        raise
    except Stop:
        return ended(run_id, "stopped", "Stopped before training: there is no model to keep.")
    except Pause:
        return ended(run_id, "paused", "Paused before training; it can be resumed.")
    except tracking.ClaimLost:
        raise
    except Exception as error:
        resumable = snapshots.path(output).exists() or isinstance(error, ChangedDependency)
        return _failed(run_id, error, resumable)


def _outage(failure: str) -> str:
    """What to tell users when the record can no longer be written, or can be written again."""
    if not failure:
        return "The run is recorded again, with all points since."
    return f"{failure} The run goes on, and is recorded once that is possible."


def _stored(failure: str) -> str:
    """What to tell users when the storage can no longer be used, or can be used again."""
    return f"{failure} The run goes on." if failure else "The files of the run are stored again."


def _task(run: tracking.Run, output: Path) -> Task[None]:
    """The task of a run: a training, resumed if it has a snapshot, or a reference."""
    from ftcore.baselines import linear_probe, majority, tfidf
    from ftcore.runs import train

    config = inputs.localized(run)
    if config.mode not in REFERENCES:
        if run.self_trained:
            raise UnreadableSnapshot(SELF_TRAINED)
        if config.devices > 1:
            from ftcore.runs import processes  # imports torch

            return processes.train(config, output, run.run_id)
        return train.train(config, output, run.run_id, resume=True)
    references = {"majority": majority, "tfidf": tfidf, "linear-probe": linear_probe}
    return references[config.mode].measure(config, output.parent)


def _until_requested(task: Task[None], request: EndRequest, claim: tracking.Claim) -> Task[None]:
    """Yield the events of a task; throw Stop or Pause into it once the request asks for that."""
    for event in task:
        yield event
        if (action := claim.requested()) and not request.action:
            request.action = action
        if request.action and not isinstance(event, Finished):
            yield task.throw(Stop if request.action in ("stop", "discard") else Pause)
            yield from task
            return


def _failed(run_id: str, error: Exception, resumable: bool) -> Finished:
    """The last event of a run that raised an error: interrupted if it can be resumed, else failed."""
    message = user_message(error)
    if not message:
        log.error("run %s failed", run_id, exc_info=error)
        message = f"Something unexpected went wrong ({type(error).__name__}: {error}); see the log."
    no_fault = (
        is_disk_full(error)
        or is_out_of_files(error)
        or isinstance(error, tracking.RecordUnavailable | StorageUnavailable | LostProcess)
    )
    if no_fault or (resumable and not isinstance(error, Diverged)):
        advice = "" if isinstance(error, UnreadableSnapshot) else " The run can be resumed."
        return ended(run_id, "interrupted", f"{message}{advice}")
    return ended(run_id, "failed", message)
