"""The worker of a process that leaves its queue to Ray."""

import contextlib
import threading

from ftcore import tracking
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.runs import inputs, queue, unstored, workers
from ftcore.runs.queue import RunQueue
from ftcore.storage import shared, shared_runs


class RayWorker:
    """Keeps a supervisor alive while runs wait, and says why they do; executes nothing itself."""

    def __init__(self, queue: RunQueue) -> None:
        self.queue = queue
        self._thread: threading.Thread | None = None
        self._stored: set[str] = set()  # runs of which the storage has what they read

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
        try:
            if waiting or tracking.lost():
                workers.ensure_supervisor()
            if shared.is_used():
                self._exchange(waiting)
        except UnfreezeError as error:
            problem = str(error)
        self.queue.start_errors = dict.fromkeys(waiting, problem) if problem else {}

    def _exchange(self, waiting: list[str]) -> None:
        """Store what the runs of this home read and left behind; fetch those of one that ended elsewhere."""
        for run_id in filter(tracking.is_ours, {*waiting} - self._stored):
            drain(inputs.store_all(tracking.run(run_id)))
            self._stored.add(run_id)
        drain(unstored.store_all())
        shared_runs.bring_ended()
