"""A training that ends when the test says so, for tests of the queue and its worker."""

import errno
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ftcore import events, tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Finished, Progress, Task
from ftcore.runs.scheduler import scheduler
from tests.helpers.waiting import PATIENCE


class ControlledTraining:
    """Replaces `train.train`: each run trains until the test calls `finish` with its name."""

    def __init__(self) -> None:
        self.started: list[str] = []  # names of runs, in the order in which they started
        self._changed = threading.Condition()
        self._finish: dict[str, threading.Event] = {}

    def __call__(self, config: FineTuneConfig, output: Path, ref: str, resume: bool) -> Task[None]:
        with self._changed:
            self.started.append(config.name)
            self._changed.notify_all()
        if config.name == "broken":
            raise ZeroDivisionError("a bug")
        if config.name == "refused":
            raise UnfreezeError("Choose other data.")
        if config.name == "out of files":
            raise OSError(errno.EMFILE, "Too many open files")
        try:
            while not self._event(config.name).is_set():
                yield Progress("training", 1, 2, "steps")
        except events.Stop:
            yield Finished("stopped", "Stopped at step 1.")
        except events.Pause:
            yield Finished("paused", "Paused at step 1.")
        else:
            yield Finished("finished", "Done.", {"val_accuracy": 1.0})

    def submit(self, *names: str) -> list[str]:
        """Queue runs of these names and return their ids; wait until the first trains if none did."""
        idle = not scheduler.queue.order()
        run_ids = [scheduler.submit(FineTuneConfig(name=name)) for name in names]
        if idle:
            self.wait_for(names[0])
        return run_ids

    def finish(self, *names: str) -> None:
        """Let the runs of these names finish, now or once they start."""
        for name in names:
            self._event(name).set()

    def wait_for_any(self) -> bool:
        """Wait until any run has started."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self.started), PATIENCE)

    def wait_for(self, name: str) -> None:
        """Wait until a run of this name has started."""
        with self._changed:
            assert self._changed.wait_for(lambda: name in self.started, PATIENCE)

    def _event(self, name: str) -> threading.Event:
        return self._finish.setdefault(name, threading.Event())


def final_status(run_id: str) -> str:
    """The status of a run once it has left the queue."""
    assert scheduler.queue.join(run_id, PATIENCE)
    return tracking.run(run_id).status


def call_concurrently(*functions: Callable[[], object]) -> list[object]:
    """Call each function in a thread, all at the same time; returns their results or exceptions."""
    barrier = threading.Barrier(len(functions))

    def call(function: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return function()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(call, functions))
