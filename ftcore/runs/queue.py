"""The queue: which runs wait, which run, and in what order; the workers that execute them.

The queue is stored in the record: each queued run has a place there, and every process of a home reads it
every few seconds. `queue_order` decides what is next. The process that holds the turn, a file lock, executes
it; when that process dies, the system releases the lock and the next process goes on. A run is claimed for as
long as it is executed.
"""

import contextlib
import logging
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Protocol

from filelock import FileLock, Timeout

from ftcore import paths, tracking
from ftcore.errors import UnfreezeError
from ftcore.events import Action, drain
from ftcore.runs import execution, queue_order, unstored, workers
from ftcore.runs.execution import EndRequest
from ftcore.runs.queue_order import Limits
from ftcore.storage import shared

RETRY_SECONDS = 3.0  # until the record is read again, also for runs that could not start
ONE = Limits(total=1)  # at once: a run takes all cores
STORE_SECONDS = 30.0  # until the storage is tried again
TURN_SECONDS = 1.0  # until a process asks again whether it is its turn
log = logging.getLogger(__name__)


@dataclass
class Job:
    """A queued or running run."""

    run_id: str
    place: float
    person: str
    priority: str
    request: EndRequest = field(default_factory=EndRequest)
    claim: tracking.Claim | None = None  # while it runs here

    @classmethod
    def of(cls, run: tracking.Run) -> "Job":
        return cls(run.run_id, run.place, run.person, run.priority)


class RunQueue:
    """The jobs of this home, in order. All methods can be called from any thread."""

    def __init__(self) -> None:
        self.start_errors: dict[str, str] = {}  # why a run could not start, by run id
        self.lock = threading.RLock()  # held while runs are loaded, or a user's request is met
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._running: list[Job] = []
        self._turns: dict[str, float] = {}  # when each person last began a run here
        self._elsewhere: list[str] = []  # runs that other processes of this home execute
        self._turn: FileLock | None = None
        self.closed = False  # workers must stop taking jobs

    def open(self) -> None:
        with self._changed:
            self.closed = False

    def close(self) -> None:
        """Interrupt what runs and leave what waits to the next process that has the turn."""
        with self._changed:
            self.closed = True
            self._waiting.clear()
            self._elsewhere.clear()
            self.start_errors.clear()
            for job in self._running:
                job.request.action = job.request.action or "interrupt"
            self._changed.notify_all()

    def take_turn(self) -> bool:
        """Whether the workers of this process may execute the queue, alone of all processes of the home."""
        if self._turn is None:
            turn = FileLock(paths.home() / ".queue.lock", timeout=0, thread_local=False)
            with contextlib.suppress(Timeout, OSError):  # the home may be read-only
                turn.acquire()
                self._turn = turn
        return self._turn is not None

    def release_turn(self) -> None:
        if self._turn is not None:
            self._turn.release()
            self._turn = None

    def load(self) -> None:
        """Read the queue from the record, with the runs that could not start."""
        with self.lock:
            queued = tracking.waiting(elsewhere=shared.is_used() and workers.kind() == "ray")
            executed = [] if self._turn else tracking.executed()
            with self._changed:
                if self.closed:
                    return
                for run_id in self.start_errors.keys() - {run.run_id for run in queued}:
                    del self.start_errors[run_id]
                here = {job.run_id for job in self._running}
                waiting = [run for run in queued if run.run_id not in here]
                self._waiting = [Job.of(run) for run in waiting]
                self._sort()
                self._elsewhere = [run_id for run_id in executed if run_id not in here]
                self._changed.notify_all()

    def append(self, job: Job) -> None:
        """Add a run that is queued in the record, at its place."""
        with self._changed:
            if not self.closed and all(job.run_id != other.run_id for other in self._waiting):
                self._waiting.append(job)
                self._sort()
                self._changed.notify_all()

    def remove(self, run_id: str) -> None:
        """Remove a run that no longer waits."""
        with self._changed:
            self.start_errors.pop(run_id, None)
            self._waiting = [job for job in self._waiting if job.run_id != run_id]
            self._changed.notify_all()

    def take(self, timeout: float) -> Job | None:
        """Wait for the next job, claim it and mark it as running.

        Returns None after `timeout`, once closed, or if another process has changed the queue meanwhile.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.closed, timeout)
            if self.closed or not self._waiting:
                return None
            job = self._waiting.pop(0)
            self._running.append(job)
            self._turns[job.person] = time.monotonic()
            self._sort()
        try:
            job.claim = tracking.claim(job.run_id)
            if tracking.run(job.run_id).status == "queued":
                return job
        except UnfreezeError as error:
            log.warning("run %s does not start: %s", job.run_id, error)
        self.done(job)
        return None

    def done(self, job: Job) -> None:
        if job.claim is not None:
            job.claim.release()
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
        """Swap a waiting run with the one before (-1) or behind it (1), of the same person and priority.

        Without one, do nothing. Raises UnfreezeError if one of them has just begun in another process.
        """
        with self.lock, self._changed:
            job, other = self._pair(run_id, by)
            if job is None or other is None:
                return
            # Claimed, since a run that has started must not be recorded as queued.
            with contextlib.ExitStack() as stack:
                for run_id in (job.run_id, other.run_id):
                    stack.callback(tracking.claim(run_id).release)
                tracking.enqueue(job.run_id, other.place)
                tracking.enqueue(other.run_id, job.place)
            job.place, other.place = other.place, job.place
            self._sort()

    def movable(self, by: int) -> set[str]:
        """Ids of the waiting runs that `move` would move."""
        own: dict[tuple[str, str], list[str]] = defaultdict(list)
        with self._changed:
            for job in self._waiting:
                own[job.person, job.priority].append(job.run_id)
        return {run_id for ids in own.values() for run_id in (ids[1:] if by < 0 else ids[:-1])}

    def _pair(self, run_id: str, by: int) -> tuple[Job | None, Job | None]:
        """A waiting run, and the one before or behind it among the person's runs of its priority."""
        job = next((job for job in self._waiting if job.run_id == run_id), None)
        if job is None:
            return None, None
        own = [
            other
            for other in self._waiting
            if (other.person, other.priority) == (job.person, job.priority)
        ]
        index = own.index(job) + by
        return job, own[index] if 0 <= index < len(own) else None

    def _sort(self) -> None:
        self._waiting = queue_order.order(self._waiting, self._running, self._turns, ONE)

    def first_place(self) -> float:
        """The lowest place of all that waits, or the current time if nothing does."""
        with self._changed:
            return min((job.place for job in self._waiting), default=time.time())

    def order(self) -> list[str]:
        """Run ids: what runs, then what waits, in order; empty when idle."""
        with self._changed:
            return [*self.running(), *self.waiting()]

    def waiting(self) -> list[str]:
        """Ids of the runs that wait, in order."""
        with self._changed:
            return [job.run_id for job in self._waiting]

    def running(self) -> list[str]:
        """Ids of the runs that run, here or in another process of this home."""
        with self._changed:
            return [*self._elsewhere, *(job.run_id for job in self._running)]

    def wait_until_closed(self, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.closed, timeout)

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
    """Executes one job at a time in a daemon thread; others read the queue, and store what is not stored."""

    def __init__(self, queue: RunQueue) -> None:
        self.queue = queue
        self._threads: dict[str, threading.Thread] = {}

    def start(self) -> None:
        targets = {"trainer": self._work, "queue": self._read}
        if shared.is_used():
            targets["storage"] = self._store
        for name, target in targets.items():
            if name not in self._threads or not self._threads[name].is_alive():
                self._threads[name] = threading.Thread(target=target, name=name, daemon=True)
                self._threads[name].start()

    def join(self, timeout: float) -> None:
        trainer = self._threads.get("trainer")
        if trainer is not None and trainer is not threading.current_thread():
            trainer.join(timeout)

    def _read(self) -> None:
        """Follow what other processes change, and let runs that could not start be tried again."""
        while not self.queue.wait_until_closed(RETRY_SECONDS):
            with contextlib.suppress(Exception):  # the record may be unreadable
                self.queue.load()

    def _store(self) -> None:
        """Store what runs left here while the storage was away."""
        while True:
            with contextlib.suppress(Exception):  # it may still be
                drain(unstored.store_all())
            if self.queue.wait_until_closed(STORE_SECONDS):
                return

    def _work(self) -> None:
        try:
            while not self.queue.closed:
                if not self.queue.take_turn():
                    self.queue.wait_until_closed(TURN_SECONDS)
                    continue
                job = self.queue.take(RETRY_SECONDS)
                if job:
                    self._execute(job)
                    self.queue.done(job)
                    if job.run_id not in self.queue.start_errors:  # others can start again, too
                        with contextlib.suppress(Exception):
                            self.queue.load()
        finally:
            self.queue.release_turn()

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
