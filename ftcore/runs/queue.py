"""The queue: which runs wait in this process, which run, and in what order; the workers of a queue.

The queue is stored in the record: each queued run has a place there. A process claims the runs that it
queues, so no other process executes them. At its start and every few seconds it loads all runs that are
queued and unclaimed: those of a process that died.
"""

import contextlib
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Protocol

from filelock import FileLock

from ftcore import tracking
from ftcore.errors import UnfreezeError
from ftcore.runs import execution
from ftcore.runs.execution import Action, EndRequest

RETRY_SECONDS = (
    3.0  # until the record is read again for runs that could not start, or lost their process
)
log = logging.getLogger(__name__)


@dataclass
class Job:
    """A queued or running run that this process has claimed."""

    run_id: str
    place: float  # lower places run first
    claim: FileLock
    request: EndRequest = field(default_factory=EndRequest)


class RunQueue:
    """The jobs of this process, in order. All methods can be called from any thread."""

    def __init__(self) -> None:
        self.start_errors: dict[str, str] = {}  # why a run could not start, by run id
        self.lock = threading.RLock()  # held while runs are loaded, or a user's request is met
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._running: list[Job] = []
        self.closed = False  # workers must stop taking jobs

    def open(self) -> None:
        with self._changed:
            self.closed = False

    def close(self) -> None:
        """Interrupt what runs and leave what waits to the next process that loads the queue."""
        with self._changed:
            self.closed = True
            for job in self._waiting:
                job.claim.release()
            self._waiting.clear()
            self.start_errors.clear()
            for job in self._running:
                job.request.action = job.request.action or "interrupt"
            self._changed.notify_all()

    def load(self) -> None:
        """Add the queued, unclaimed runs of the record; drop the start errors of runs that are gone."""
        with self.lock:
            for run in tracking.waiting():
                self.add(run.run_id, run.place)
            for run_id in set(self.start_errors).difference(self.order()):
                self.start_errors.pop(run_id, None)

    def add(self, run_id: str, place: float) -> None:
        """Claim and add a queued run, unless another process has claimed or executed it."""
        with contextlib.suppress(UnfreezeError):
            claim = tracking.claim(run_id)
            if tracking.run(run_id).status == "queued":
                self.append(Job(run_id, place, claim))
            else:
                claim.release()

    def append(self, job: Job) -> None:
        """Add a claimed run at its place; release it if the queue is closed."""
        with self._changed:
            if self.closed:
                job.claim.release()
                return
            self._waiting.append(job)
            self._waiting.sort(key=lambda job: job.place)
            self._changed.notify_all()

    def remove(self, run_id: str) -> Job | None:
        """Remove a waiting run and return it, still claimed; None if it waits in another process, or not."""
        with self._changed:
            if any(job.run_id == run_id for job in self._running):
                return None
            could_not_start = self.start_errors.pop(run_id, None)
            if job := next((job for job in self._waiting if job.run_id == run_id), None):
                self._waiting.remove(job)
                return job
        run = tracking.run(run_id)
        if could_not_start or (run.status == "queued" and run.place):
            with contextlib.suppress(UnfreezeError):  # another process has claimed it
                return Job(run_id, run.place, tracking.claim(run_id))
        return None

    def take(self, timeout: float | None = None) -> Job | None:
        """Wait for the next job and mark it as running. Returns None after `timeout` or once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.closed, timeout)
            if self.closed or not self._waiting:
                return None
            job = self._waiting.pop(0)
            self._running.append(job)
            return job

    def done(self, job: Job) -> None:
        with self._changed:
            self._running.remove(job)
            self._changed.notify_all()

    def request_end(self, run_id: str, action: Action) -> bool:
        """Ask a running run to end at its next step. Returns False if it does not run here."""
        with self._changed:
            job = next((job for job in self._running if job.run_id == run_id), None)
            if job:
                job.request.action = action
            return job is not None

    def move(self, run_id: str, by: int) -> None:
        """Swap a waiting run with its predecessor (-1) or successor (1); at the ends, do nothing."""
        with self._changed:
            index = next((n for n, job in enumerate(self._waiting) if job.run_id == run_id), None)
            if index is None or not 0 <= index + by < len(self._waiting):
                return
            job, other = self._waiting[index], self._waiting[index + by]
            # Under the lock, since a run that has started must not be recorded as queued.
            tracking.enqueue(job.run_id, other.place)
            tracking.enqueue(other.run_id, job.place)
            job.place, other.place = other.place, job.place
            self._waiting.sort(key=lambda job: job.place)

    def first_place(self) -> float:
        """The place of the next job, or the current time if nothing waits."""
        with self._changed:
            return self._waiting[0].place if self._waiting else time.time()

    def order(self) -> list[str]:
        """Run ids: what runs, then what waits, in order; empty when idle."""
        with self._changed:
            return [job.run_id for job in (*self._running, *self._waiting)]

    def running(self) -> list[str]:
        with self._changed:
            return [job.run_id for job in self._running]

    def join(self, run_id: str = "", timeout: float | None = None) -> bool:
        """Wait until a run, or by default every run, has left the queue. Returns False after `timeout`."""
        with self._changed:
            return self._changed.wait_for(
                lambda: run_id not in self.order() if run_id else not self.order(), timeout
            )


class Worker(Protocol):
    """Takes jobs from a queue until it is closed, and obeys the `request` of each job."""

    def start(self) -> None:
        """Start to take jobs, unless already started."""

    def join(self, timeout: float) -> None:
        """Wait for the current job to end, after the queue was closed."""


class ThreadWorker:
    """Executes one job at a time in a daemon thread."""

    def __init__(self, queue: RunQueue) -> None:
        self.queue = queue
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name="trainer", daemon=True)
            self._thread.start()

    def join(self, timeout: float) -> None:
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _work(self) -> None:
        errors = self.queue.start_errors
        while not self.queue.closed:
            job = self.queue.take(RETRY_SECONDS)
            if job:
                self._execute(job)
                self.queue.done(job)
            # Take over the runs of a process that died; retry those that could not start, after a while
            # or once another run could.
            if not (job and job.run_id in errors):
                with contextlib.suppress(Exception):  # the record may be unreadable, too
                    self.queue.load()

    def _execute(self, job: Job) -> None:
        """Execute a run. Errors are logged, so that the next run gets its turn."""
        started = False
        try:
            for _ in execution.execute(job.run_id, job.request, job.claim):
                started = True
                self.queue.start_errors.pop(job.run_id, None)
            if job.request.action == "discard":
                tracking.delete(job.run_id)
        except UnfreezeError as error:
            log.warning("run %s: %s", job.run_id, error)
            if not started:  # the record cannot be written, as on a full disk
                self.queue.start_errors[job.run_id] = str(error)
        except Exception:
            log.exception("run %s could not be recorded", job.run_id)
