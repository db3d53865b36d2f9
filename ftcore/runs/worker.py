"""Workers take jobs from a queue and execute them: here, a thread of this process."""

import contextlib
import logging
import threading
from typing import Protocol

from ftcore import tracking
from ftcore.errors import UnfreezeError
from ftcore.runs import execution
from ftcore.runs.queue import Job, RunQueue

log = logging.getLogger(__name__)
RETRY_SECONDS = 5.0  # until a run that could not start is tried again


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
        """Start the thread, unless it is alive."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name="trainer", daemon=True)
            self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait for the thread to end."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _work(self) -> None:
        errors = self.queue.start_errors
        while not self.queue.closed:
            job = self.queue.take(timeout=RETRY_SECONDS if errors else None)
            if job:
                self._execute(job)
                self.queue.done(job)
            # Retry runs that could not start after a while, or once another run could.
            if errors and not (job and job.run_id in errors):
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
