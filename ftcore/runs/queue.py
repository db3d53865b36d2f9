"""One training at a time: the queue, and the background thread of this process that works it off.

The queue stands in the record of runs, each with its place. A process that starts to work takes what
waits there and nobody has, so a restart loses nothing.
"""

import contextlib
import json
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Literal

from filelock import FileLock

from ftcore import paths, tracking, validation
from ftcore.config import NEW_MODEL, REFERENCES, FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Finished
from ftcore.models import checkpoints
from ftcore.runs import execution

log = logging.getLogger(__name__)
RETRY_SECONDS = 5.0  # until a run that could not begin has another try
LONGEST_RECORD = (
    8_000  # characters of a run's settings; a tracking server takes no more in one piece
)


@dataclass
class _Job:
    run_id: str
    place: float
    claim: FileLock
    request: execution.Request = field(default_factory=execution.Request)


_changed = threading.Condition()
_deciding = threading.RLock()  # of several who resume, keep or discard the same run, one is first
_waiting: list[_Job] = []
_current: _Job | None = None
_thread: threading.Thread | None = None
_closing = False
_missed: dict[str, str] = {}  # runs that could not begin, and why


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


def resume(*run_ids: str) -> None:
    """Put paused or interrupted runs first on the queue, in this order; each goes on where it was.

    Raises UnfreezeError, and queues none, where one of them cannot be resumed.
    """
    claims: list[FileLock] = []
    with _deciding:
        for run_id in run_ids:
            one = tracking.run(run_id)
            if not one.resumable:
                raise UnfreezeError(
                    f"This run is {one.status}; only one that was paused or interrupted can be resumed."
                )
            check(one.config)
        start()
        try:
            for run_id in run_ids:  # first: another process may be about to write its state
                claims.append(tracking.claim(run_id))
                if (now := tracking.run(run_id).status) in ("finished", "stopped", "failed"):
                    raise UnfreezeError(f"This run is {now}; somebody was quicker.")
            with _changed:
                place = min((job.place for job in _waiting), default=time.time()) - len(run_ids)
            for run_id in run_ids:  # the first at first: a thread that is idle begins at once
                tracking.enqueue(run_id, place)
                _append(_Job(run_id, place, claims.pop(0)))
                place += 1
        finally:
            for claim in claims:
                claim.release()


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
            validation.existing_path(path)


def stop(run_id: str) -> None:
    """End a run at its next step, or one that was paused or interrupted, and keep the best so far.

    One that waits leaves the queue; what it has done before stays. Raises UnfreezeError where another
    process works on it.
    """
    from ftcore.training import snapshots

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
            ended = execution.ended(run_id, "stopped", "Ended; there was nothing to keep yet.")
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
        # Still under the lock: once it begins, it is not queued any more.
        tracking.enqueue(one.run_id, other.place)
        tracking.enqueue(other.run_id, one.place)
        one.place, other.place = other.place, one.place
        _waiting[here], _waiting[here + by] = other, one


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


def trouble(run_id: str = "") -> str:
    """Why a run, or any, could not begin and is tried again; empty where nothing is wrong."""
    return _missed.get(run_id, "") if run_id else next(iter(list(_missed.values())), "")


def start() -> None:
    """Start the background thread of this process, once, with what waits and nobody has."""
    global _thread, _closing
    with _changed:
        _closing = False
        if _thread is not None and _thread.is_alive():
            return
        _thread = threading.Thread(target=_work, name="trainer", daemon=True)
        _thread.start()
    _take_up()
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
        _missed.clear()
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
            _changed.wait_for(lambda: _waiting or _closing, RETRY_SECONDS if _missed else None)
            if _closing:
                return
            job = _current = _waiting.pop(0) if _waiting else None
        if job:
            _work_off(job)
            with _changed:
                _current = None
                _changed.notify_all()
        if _missed and not (job and job.run_id in _missed):  # a while ago, or another could begin
            with contextlib.suppress(Exception):  # then the record cannot be read either
                _take_up()
                for gone in set(_missed).difference(queue()):
                    _missed.pop(gone, None)


def _work_off(job: _Job) -> None:
    """Execute a run; whatever goes wrong, the next must have its turn."""
    begun = False
    try:
        for _ in execution.execute(job.run_id, job.request, job.claim):
            begun = True
            _missed.pop(job.run_id, None)
        if job.request.ending == "discard":
            tracking.delete(job.run_id)
    except UnfreezeError as error:
        log.warning("run %s: %s", job.run_id, error)
        if not begun:  # its record takes nothing, as on a full disk
            _missed[job.run_id] = str(error)
    except Exception:
        log.exception("run %s could not be recorded", job.run_id)


def _take_up() -> None:
    """Line up what waits and nobody has."""
    for one in tracking.waiting():
        _line_up(one.run_id, one.place)


def _forget_states() -> None:
    """Remove the states of runs that are over: left where the process was killed as it ended them."""
    from ftcore.training import snapshots

    for file in paths.runs_dir().glob(f"*/artifacts/{snapshots.NAME}"):
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
        missed = _missed.pop(run_id, "")
        if job:
            _waiting.remove(job)
    if missed and not job:
        job = _Job(run_id, tracking.run(run_id).place, tracking.claim(run_id))
    return job


def _leave(job: _Job, last: Finished) -> None:
    """Write down why a run that was taken off the queue no longer waits, and let others have it.

    Raises UnfreezeError where that cannot be written; then it waits on.
    """
    try:
        tracking.finish(job.run_id, last)
    except BaseException:
        _append(job)
        raise
    job.claim.release()


def _nobody_has(run_id: str) -> tracking.Run:
    """A run that no process works on. Raises UnfreezeError where one does."""
    one = tracking.run(run_id)
    if one.live:
        raise UnfreezeError(
            f"This run belongs to another process ({one.host}, {one.pid}); stop it there."
        )
    return one


def _where(run_id: str) -> int | None:
    order = [_current.run_id if _current else "", *(job.run_id for job in _waiting)]
    return order.index(run_id) if run_id in order else None
