"""One training at a time: the queue, and the background thread of this process that works it off.

The queue stands in the record of runs, each with its place. A process that starts to work takes what
waits there and nobody has, so a restart loses nothing.
"""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from filelock import FileLock

from ftcore import baselines, checkpoints, datasets, settings, tracking
from ftcore.config import NEW_MODEL, REFERENCES, FineTuneConfig
from ftcore.errors import Diverged, Lost, UnfreezeError, advice, disk_is_full
from ftcore.events import Event, Finished, Pause, Status, Stop, Task

log = logging.getLogger(__name__)
LONGEST_RECORD = (
    8_000  # characters of a run's settings; a tracking server takes no more in one piece
)


@dataclass
class Request:
    """What somebody, in another thread or by a signal, asks of a run that goes on."""

    ending: Literal["", "stop", "discard", "pause", "interrupt"] = ""


@dataclass
class _Job:
    run_id: str
    place: float
    claim: FileLock
    request: Request = field(default_factory=Request)


_changed = threading.Condition()
_deciding = threading.RLock()  # of several who resume, keep or discard the same run, one is first
_waiting: list[_Job] = []
_current: _Job | None = None
_thread: threading.Thread | None = None
_closing = False


def submit(config: FineTuneConfig, experiment: str = "", experiment_name: str = "") -> str:
    """Queue a run, as part of an experiment or alone, and return its id.

    Raises UnfreezeError where its checkpoint is not there.
    """
    check(config)
    place = time.time()
    run_id = tracking.create_run(config, experiment, experiment_name, place)
    start()
    _line_up(run_id, place)
    return run_id


def resume(run_id: str) -> None:
    """Put a paused or interrupted run first on the queue; it goes on where it was."""
    with _deciding:
        one = tracking.run(run_id)
        if not one.resumable:
            raise UnfreezeError(
                f"This run is {one.status}; only one that was paused or interrupted can be resumed."
            )
        check(one.config)
        start()
        claim = tracking.claim(run_id)  # first: another process may be about to write its state
        try:
            if (now := tracking.run(run_id).status) in ("finished", "stopped", "failed"):
                raise UnfreezeError(f"This run is {now}; somebody was quicker.")
            with _changed:
                place = min((job.place for job in _waiting), default=time.time()) - 1
            tracking.enqueue(run_id, place)
        except BaseException:
            claim.release()
            raise
        _append(_Job(run_id, place, claim))


def check(config: FineTuneConfig) -> None:
    """Raise UnfreezeError for what can be told before a run is queued."""
    if len(json.dumps(config.to_dict())) > LONGEST_RECORD:
        raise UnfreezeError(
            "Watched sentences, name or paths are too long to be kept; shorten them."
        )
    if config.checkpoint != NEW_MODEL and (config.checkpoint or config.mode not in REFERENCES):
        checkpoints.find(config.checkpoint)
    for path in (config.source, config.vectors, config.own_data):
        if path:
            datasets.existing(path)


def execute(
    run_id: str, request: Request, claim: FileLock | None = None
) -> Generator[Event, None, None]:
    """Train, record every event and pass it on; whatever goes wrong becomes the run's last event.

    A run that was begun before goes on where it was. The claim, taken where none is given, is given back
    at the end. Raises UnfreezeError where another process has it.
    """
    # torch takes seconds to import, and a page submits before it is needed
    from ftcore import devices, snapshots

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
                recorder.write(_ended(run_id, "interrupted", "The program ended during this run."))
                raise
            except Stop:
                last = _ended(
                    run_id, "stopped", "Stopped before training; there is nothing to keep."
                )
            except Pause:
                last = _ended(run_id, "paused", "Paused before training; resume it to begin.")
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
        devices.release()
        claim.release()


def stop(run_id: str) -> None:
    """End a run at its next step, or one that was paused or interrupted, and keep the best so far.

    One that waits leaves the queue; what it has done before stays. Raises UnfreezeError where another
    process works on it.
    """
    from ftcore import snapshots

    with _deciding:
        if _ask(run_id, "stop"):
            return
        if job := _take_off(run_id):
            last = Finished("stopped", "Taken off the queue; it never began.")
            if snapshots.path(checkpoints.run_path(run_id)).exists():
                last = Finished("paused", "Taken off the queue; resume it, and it goes on.")
            _leave(job, last)
            return
        if _nobody_has(run_id).resumable:
            ended = _ended(run_id, "stopped", "Ended; there was nothing to keep yet.")
            tracking.finish(run_id, ended)
            snapshots.discard(checkpoints.run_path(run_id))


def discard(run_id: str) -> None:
    """End a run wherever it is, and delete it. Raises UnfreezeError where another process works on it."""
    with _deciding:
        if _ask(run_id, "discard"):
            return
        if job := _take_off(run_id):
            _leave(job, Finished("stopped", "Taken off the queue; it never began."))
        _nobody_has(run_id)
        tracking.delete(run_id)


def pause(run_id: str) -> None:
    """End a run at its next step so that it can be resumed there, also by another process.

    One that waits leaves the queue. Raises UnfreezeError where another process works on it.
    """
    with _deciding:
        if _ask(run_id, "pause"):
            return
        if job := _take_off(run_id):
            _leave(job, Finished("paused", "Paused while it waited; resume it, and it goes on."))
            return
        _nobody_has(run_id)


def move(run_id: str, by: int) -> None:
    """Let a run that waits change places with the one before it (-1) or behind it (1)."""
    with _changed:
        here = next((n for n, job in enumerate(_waiting) if job.run_id == run_id), None)
        if here is None or not 0 <= here + by < len(_waiting):
            return
        one, other = _waiting[here], _waiting[here + by]
        one.place, other.place = other.place, one.place
        _waiting[here], _waiting[here + by] = other, one
        for job in (one, other):  # still under the lock: once it begins, it is not queued any more
            tracking.enqueue(job.run_id, job.place)


def queue() -> list[str]:
    """The run being trained, then those that wait, in their order; empty when idle."""
    with _changed:
        return [job.run_id for job in (_current, *_waiting) if job]


def position(run_id: str) -> int | None:
    """0 for the run being trained, 1, 2, … for those that wait, None for any other."""
    with _changed:
        return _where(run_id)


def busy() -> bool:
    """Whether this process trains, or is about to."""
    return bool(queue())


def start() -> None:
    """Start the background thread of this process, once, with what waits and nobody has."""
    global _thread, _closing
    with _changed:
        _closing = False
        if _thread is not None and _thread.is_alive():
            return
        _thread = threading.Thread(target=_work, name="trainer", daemon=True)
        _thread.start()
    for one in tracking.waiting():
        _line_up(one.run_id, one.place)
    _forget_states()


def shutdown(timeout: float = 10.0) -> None:
    """Interrupt the current run so that it can be resumed, leave what waits to the next start, and end
    the thread."""
    global _closing
    with _changed:
        _closing = True
        for job in _waiting:
            job.claim.release()
        _waiting.clear()
        if _current is not None:
            _current.request.ending = _current.request.ending or "interrupt"
        _changed.notify_all()
        thread = _thread
    if thread is not None and thread is not threading.current_thread():
        thread.join(timeout)


def _work() -> None:
    global _current
    while True:
        with _changed:
            _changed.wait_for(lambda: _waiting or _closing)
            if _closing:
                return
            job = _current = _waiting.pop(0)
        try:
            for _ in execute(job.run_id, job.request, job.claim):
                pass
            if job.request.ending == "discard":
                tracking.delete(job.run_id)
        except Exception:  # the record failed (a full disk): the next job must still have its turn
            log.exception("run %s could not be recorded", job.run_id)
        finally:
            with _changed:
                _current = None
                _changed.notify_all()


def _forget_states() -> None:
    """Remove the states of runs that are over: left where the process was killed as it ended them."""
    from ftcore import snapshots

    for file in settings.runs_dir().glob(f"*/artifacts/{snapshots.NAME}"):
        with contextlib.suppress(UnfreezeError):
            if tracking.run(file.parent.parent.name).status in ("finished", "stopped"):
                file.unlink(missing_ok=True)


def _line_up(run_id: str, place: float) -> None:
    """Queue a run by its place, unless somebody was quicker."""
    with contextlib.suppress(UnfreezeError):
        claim = tracking.claim(run_id)
        if tracking.run(run_id).status == "queued":
            _append(_Job(run_id, place, claim))
        else:  # it began, and was over, before it could be claimed
            claim.release()


def _append(job: _Job) -> None:
    """Queue a run that is claimed, by its place."""
    with _changed:
        _waiting.append(job)
        _waiting.sort(key=lambda one: one.place)
        _changed.notify_all()


def _ask(run_id: str, ending: Literal["stop", "discard", "pause"]) -> bool:
    """Ask the run being trained for its end; whether it is that one."""
    with _changed:
        if _current is None or _current.run_id != run_id:
            return False
        _current.request.ending = ending
        return True


def _take_off(run_id: str) -> _Job | None:
    """Remove a run from those that wait; it is still claimed."""
    with _changed:
        job = next((job for job in _waiting if job.run_id == run_id), None)
        if job:
            _waiting.remove(job)
        return job


def _leave(job: _Job, last: Finished) -> None:
    """Write down why a run that was taken off the queue no longer waits, and let others have it."""
    tracking.finish(job.run_id, last)
    job.claim.release()


def _nobody_has(run_id: str) -> tracking.Run:
    """A run that no process works on. Raises UnfreezeError where one does."""
    one = tracking.run(run_id)
    if one.live:
        raise UnfreezeError(
            f"This run belongs to another process ({one.host}, {one.pid}); stop it there."
        )
    return one


def _task(run_id: str, output: Path) -> Task[None]:
    """What a run is: a training, which goes on where it was, or a reference."""
    from ftcore import best_head, train

    config = tracking.run(run_id).config
    if config.mode not in REFERENCES:
        return train.train(config, output, run_id, resume=True)
    reference = best_head if config.mode == "best-head" else baselines
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
    sentence = advice(error)
    if not sentence:
        log.error("run %s failed", run_id, exc_info=error)
        kind = type(error).__name__
        sentence = f"Something unexpected went wrong ({kind}: {error}); see the log."
    if disk_is_full(error) or (begun and not isinstance(error, Diverged)):
        again = "" if isinstance(error, Lost) else " The run can be resumed."
        return _ended(run_id, "interrupted", f"{sentence}{again}")
    return _ended(run_id, "failed", sentence)


def _where(run_id: str) -> int | None:
    order = [_current.run_id if _current else "", *(job.run_id for job in _waiting)]
    return order.index(run_id) if run_id in order else None


def _ended(run_id: str, status: Status, message: str) -> Finished:
    """The last event of a run that did not write its own, with the figures of what it had saved."""
    try:
        saved = checkpoints.find(run_id)
    except UnfreezeError:
        return Finished(status, message)
    if status == "stopped":
        step = saved.metrics.get("best_step", 0)
        message = f"Stopped; the best model, of step {step:,.0f}, is kept."
    return Finished(status, message, saved.metrics)
