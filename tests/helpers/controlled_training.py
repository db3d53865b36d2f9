"""A training that the test leads by the hand, for what is asked of the queue and its thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ftcore import events, paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Finished, Progress, Task
from ftcore.runs import queue, train
from tests.helpers import small_runs

WAIT = 20.0


class Led:
    """A stand-in for `train.train` that goes on when the test says so."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.go = {}
        self.changed = threading.Condition()

    def __call__(self, config: FineTuneConfig, output: Path, ref: str, resume: bool) -> Task[None]:
        with self.changed:
            self.began.append(config.name)
            self.changed.notify_all()
        if config.name == "broken":
            raise ZeroDivisionError("a fault of ours")
        if config.name == "refused":
            raise UnfreezeError("Do it otherwise.")
        try:
            while not self.go[config.name].is_set():
                yield Progress("training", 1, 2, "steps")
        except events.Stop:
            yield Finished("stopped", "Stopped at step 1.")
            return
        except events.Pause:
            yield Finished("paused", "Paused at step 1.")
            return
        yield Finished("finished", "Done.", {"val_accuracy": 1.0})

    def submit(self, name: str) -> str:
        self.go[name] = threading.Event()
        return queue.submit(FineTuneConfig(name=name))

    def wait(self, name: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: name in self.began, WAIT)


@contextmanager
def leading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Led]:
    """In the place of all training; the queue is shut down at the end."""
    small_runs.checkpoint(paths.checkpoints_dir() / "starter", "starter")
    made = Led()
    monkeypatch.setattr(train, "train", made)
    yield made
    for event in made.go.values():
        event.set()
    queue.shutdown()


def ended(run_id: str) -> str:
    """The status of a run once the thread is through with it."""
    with queue._changed:
        assert queue._changed.wait_for(lambda: queue._where(run_id) is None, WAIT)
    return tracking.run(run_id).status
