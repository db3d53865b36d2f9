"""One training at a time: the queue, and the background thread of this process that works it off."""

import logging
import threading
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field, replace

from ftcore import baselines, checkpoints, datasets, tracking
from ftcore.config import NEW_MODEL, REFERENCES, FineTuneConfig
from ftcore.errors import UnfreezeError, advice
from ftcore.events import Event, Finished, Status

log = logging.getLogger(__name__)


@dataclass
class _Job:
    run_id: str
    stop: threading.Event = field(default_factory=threading.Event)


_changed = threading.Condition()
_waiting: deque[_Job] = deque()
_current: _Job | None = None
_thread: threading.Thread | None = None
_closing = False


def submit(config: FineTuneConfig, experiment: str = "", experiment_name: str = "") -> str:
    """Queue a run, as part of an experiment or alone, and return its id.

    Raises UnfreezeError where its checkpoint is not there.
    """
    check(config)
    run_id = tracking.create_run(config, experiment, experiment_name)
    start()
    with _changed:
        _waiting.append(_Job(run_id))
        _changed.notify_all()
    return run_id


def check(config: FineTuneConfig) -> None:
    """Raise UnfreezeError for what can be told before a run is queued."""
    if config.checkpoint != NEW_MODEL and (config.checkpoint or config.mode not in REFERENCES):
        checkpoints.find(config.checkpoint)
    for path in (config.source, config.vectors, config.own_data):
        if path:
            datasets.existing(path)


def execute(run_id: str, stop: threading.Event) -> Generator[Event, None, None]:
    """Train, record every event and pass it on; whatever goes wrong becomes the run's last event."""
    # torch takes seconds to import, and a page submits before it is needed
    from ftcore import best_head, devices
    from ftcore.train import Stop, train

    config = tracking.run(run_id).config
    with tracking.Recorder(run_id) as recorder:
        if config.mode in REFERENCES:
            reference = best_head if config.mode == "best-head" else baselines
            task = reference.measure(config, checkpoints.run_path(run_id).parent)
        else:
            task = train(config, checkpoints.run_path(run_id), run_id)
        stopping = False
        try:
            for event in task:
                recorder.write(event)
                yield event
                if stop.is_set() and not stopping:
                    stopping = True
                    event = task.throw(Stop)
                    recorder.write(event)
                    yield event
            return
        except GeneratorExit:
            recorder.write(_ended(run_id, "interrupted", "The program ended during this run."))
            raise
        except StopIteration:
            return
        except Stop:
            last = _ended(run_id, "stopped", "Stopped before training; there is nothing to keep.")
        except Exception as error:
            sentence = advice(error)
            if not sentence:
                log.exception("run %s failed", run_id)
                kind = type(error).__name__
                sentence = f"Something unexpected went wrong ({kind}: {error}); see the log."
            last = _ended(run_id, "failed", sentence)
        finally:
            task.close()
            devices.release()
        try:
            recorder.write(last)
        except UnfreezeError as error:
            last = replace(last, message=f"{last.message} {error}")
        yield last


def stop(run_id: str) -> None:
    """End a run at its next step, keeping the best so far; one that waits leaves the queue."""
    with _changed:
        if _current is not None and _current.run_id == run_id:
            _current.stop.set()
            return
        for job in _waiting:
            if job.run_id == run_id:
                _waiting.remove(job)
                break
        else:
            one = tracking.run(run_id)
            if one.live:
                raise UnfreezeError(
                    f"This run belongs to another process ({one.host}, {one.pid}); stop it there."
                )
            return
    tracking.finish(run_id, Finished("stopped", "Taken off the queue; it never began."))


def position(run_id: str) -> int | None:
    """0 for the run being trained, 1, 2, … for those that wait, None for any other."""
    with _changed:
        return _where(run_id)


def busy() -> bool:
    """Whether this process trains, or is about to."""
    with _changed:
        return _current is not None or bool(_waiting)


def start() -> None:
    """Start the background thread of this process, once."""
    global _thread, _closing
    with _changed:
        _closing = False
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_work, name="trainer", daemon=True)
            _thread.start()


def shutdown(timeout: float = 10.0) -> None:
    """Stop the current run, keeping its best, leave what waits as interrupted, and end the thread."""
    global _closing
    with _changed:
        _closing = True
        left = list(_waiting)
        _waiting.clear()
        if _current is not None:
            _current.stop.set()
        _changed.notify_all()
        thread = _thread
    for job in left:
        tracking.finish(job.run_id, Finished("interrupted", "The program ended before it began."))
    if thread is not None and thread is not threading.current_thread():
        thread.join(timeout)


def _work() -> None:
    global _current
    while True:
        with _changed:
            _changed.wait_for(lambda: _waiting or _closing)
            if _closing:
                return
            _current = _waiting.popleft()
        try:
            for _ in execute(_current.run_id, _current.stop):
                pass
        except (
            Exception
        ):  # the record itself failed (a full disk): the next job must still have its turn
            log.exception("run %s could not be recorded", _current.run_id)
        finally:
            with _changed:
                _current = None
                _changed.notify_all()


def _where(run_id: str) -> int | None:
    order = [_current.run_id if _current else "", *(job.run_id for job in _waiting)]
    return order.index(run_id) if run_id in order else None


def _ended(run_id: str, status: Status, message: str) -> Finished:
    """The last event of a run that did not write its own, with the figures of what it had saved."""
    try:
        saved = checkpoints.find(run_id)
    except UnfreezeError:
        return Finished(status, message)
    return Finished(status, message, saved.metrics)
