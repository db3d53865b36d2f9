"""The worker of a process that leaves its queue to Ray."""

import contextlib
import threading

from ftcore import tracking
from ftcore.errors import UnfreezeError
from ftcore.runs import queue, workers
from ftcore.runs.queue import RunQueue


class RayWorker:
    """Keeps a supervisor alive while runs wait, and says why they do; executes nothing itself."""

    def __init__(self, queue: RunQueue) -> None:
        self.queue = queue
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._read, name="queue", daemon=True)
            self._thread.start()

    def join(self, timeout: float) -> None:
        """Return at once: the runs go on in other processes."""

    def _read(self) -> None:
        while True:
            with contextlib.suppress(Exception):  # the record may be unreadable
                self.queue.load()
                self._look_after()
            if self.queue.wait_until_closed(queue.RETRY_SECONDS):
                return

    def _look_after(self) -> None:
        waiting = self.queue.waiting()
        problem = tracking.supervision().problem
        if waiting or tracking.lost():
            try:
                workers.ensure_supervisor()
            except UnfreezeError as error:
                problem = str(error)
        self.queue.start_errors = dict.fromkeys(waiting, problem) if problem else {}
