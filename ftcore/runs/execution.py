"""One run, from its first event to its last, with all of it in the record and nothing lost."""

import contextlib
import logging
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from filelock import FileLock

from ftcore import tracking
from ftcore.baselines import tfidf
from ftcore.config import REFERENCES, SELF_TRAINED
from ftcore.errors import Diverged, UnfreezeError, UnreadableSnapshot, is_disk_full, user_message
from ftcore.events import Event, Finished, Pause, Status, Stop, Task
from ftcore.models import checkpoints

log = logging.getLogger(__name__)


@dataclass
class Request:
    """What somebody, in another thread or by a signal, asks of a run that goes on."""

    ending: Literal["", "stop", "discard", "pause", "interrupt"] = ""


def execute(
    run_id: str, request: Request, claim: FileLock | None = None
) -> Generator[Event, None, None]:
    """Train, record every event and pass it on; whatever goes wrong becomes the run's last event.

    A run that was begun before goes on where it was. The claim, taken where none is given, is given back
    at the end. Raises UnfreezeError where another process has it.
    """
    # torch takes seconds to import, and a page submits before it is needed
    from ftcore import devices
    from ftcore.training import snapshots

    claim = claim or tracking.claim(run_id)
    output = checkpoints.run_path(run_id)
    try:
        with tracking.Recorder(run_id) as recorder:
            try:
                with contextlib.closing(_task(run_id, output)) as task:
                    for event in _led(task, request):
                        if isinstance(event, Finished):
                            last = event
                        else:
                            recorder.write(event)
                            yield event
            except GeneratorExit:
                recorder.write(ended(run_id, "interrupted", "The program ended during this run."))
                raise
            except Stop:
                last = ended(
                    run_id, "stopped", "Stopped before training; there is nothing to keep."
                )
            except Pause:
                last = ended(run_id, "paused", "Paused before training; resume it to begin.")
            except Exception as error:
                last = _failed(run_id, error, snapshots.path(output).exists())
            if last.status == "paused" and request.ending == "interrupt":
                message = last.message.replace("Paused", "The program was stopped", 1)
                last = replace(last, status="interrupted", message=message)
            try:
                recorder.write(last)
            except UnfreezeError as error:
                last = replace(last, status="interrupted", message=f"{error} Then resume the run.")
            if last.status not in ("paused", "interrupted"):
                snapshots.discard(output)
            yield last
    finally:
        devices.release_memory()
        claim.release()


def ended(run_id: str, status: Status, message: str) -> Finished:
    """The last event of a run that did not write its own, with the figures of what it had saved."""
    try:
        saved = checkpoints.find(run_id)
    except UnfreezeError:
        return Finished(status, message)
    if status == "stopped":
        step = saved.metrics.get("best_step", 0)
        message = f"Stopped; the best model, of step {step:,.0f}, is kept."
    return Finished(status, message, saved.metrics)


def _task(run_id: str, output: Path) -> Task[None]:
    """What a run is: a training, which goes on where it was, or a reference."""
    from ftcore.baselines import linear_probe
    from ftcore.runs import train

    run = tracking.run(run_id)
    config = run.config
    if config.mode not in REFERENCES:
        if run.self_trained:
            raise UnreadableSnapshot(SELF_TRAINED)
        return train.train(config, output, run_id, resume=True)
    reference = linear_probe if config.mode == "best-head" else tfidf
    return reference.measure(config, output.parent)


def _led(task: Task[None], request: Request) -> Generator[Event, None, None]:
    """The events of a task, which ends early once that is asked for."""
    for event in task:
        yield event
        if request.ending and not isinstance(event, Finished):
            yield task.throw(Stop if request.ending in ("stop", "discard") else Pause)
            yield from task
            return


def _failed(run_id: str, error: Exception, begun: bool) -> Finished:
    """The last event of a run that an error ended; what it had `begun` can be gone on with, once mended."""
    sentence = user_message(error)
    if not sentence:
        log.error("run %s failed", run_id, exc_info=error)
        kind = type(error).__name__
        sentence = f"Something unexpected went wrong ({kind}: {error}); see the log."
    if is_disk_full(error) or (begun and not isinstance(error, Diverged)):
        again = "" if isinstance(error, UnreadableSnapshot) else " The run can be resumed."
        return ended(run_id, "interrupted", f"{sentence}{again}")
    return ended(run_id, "failed", sentence)
