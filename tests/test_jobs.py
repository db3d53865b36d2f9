"""The queue and its thread, over a training that the test leads by the hand."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftcore import events, jobs, settings, tracking, train
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Finished, Progress, Task
from tests import tiny

WAIT = 20.0


class Led:
    """A stand-in for `train.train` that goes on when the test says so."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.go = {}
        self.changed = threading.Condition()

    def __call__(self, config: FineTuneConfig, output: Path, ref: str) -> Task[None]:
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
        yield Finished("finished", "Done.", {"val_accuracy": 1.0})

    def submit(self, name: str) -> str:
        self.go[name] = threading.Event()
        return jobs.submit(FineTuneConfig(name=name))

    def wait(self, name: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: name in self.began, WAIT)


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> Iterator[Led]:
    tiny.checkpoint(settings.checkpoints_dir() / "starter", "starter")
    made = Led()
    monkeypatch.setattr(train, "train", made)
    yield made
    for event in made.go.values():
        event.set()
    jobs.shutdown()


def ended(run_id: str) -> str:
    """The status of a run once the thread is through with it."""
    with jobs._changed:
        assert jobs._changed.wait_for(lambda: jobs._where(run_id) is None, WAIT)
    return tracking.run(run_id).status


def test_jobs_run_one_at_a_time_in_order(led: Led) -> None:
    first, second, third = led.submit("first"), led.submit("second"), led.submit("third")
    led.wait("first")
    assert [jobs.position(one) for one in (first, second, third)] == [0, 1, 2]
    assert tracking.run(second).status == "queued"
    led.go["first"].set()
    led.wait("second")
    assert ended(first) == "finished"
    assert led.began == ["first", "second"]
    led.go["second"].set()
    led.go["third"].set()
    assert ended(third) == "finished"
    assert jobs.position(third) is None


def test_stop_reaches_the_running_one_and_takes_waiting_ones_off(led: Led) -> None:
    first, second = led.submit("first"), led.submit("second")
    led.wait("first")
    jobs.stop(second)
    assert jobs.position(second) is None
    assert tracking.run(second).status == "stopped"
    jobs.stop(first)
    assert ended(first) == "stopped"
    assert tracking.run(first).message == "Stopped at step 1."
    jobs.stop(first)  # once more changes nothing


def test_a_failing_job_says_why_and_never_blocks_the_next(led: Led) -> None:
    broken, refused, fine = led.submit("broken"), led.submit("refused"), led.submit("fine")
    led.go["fine"].set()
    assert ended(fine) == "finished"
    assert tracking.run(broken).status == tracking.run(refused).status == "failed"
    assert "ZeroDivisionError" in tracking.run(broken).message
    assert tracking.run(refused).message == "Do it otherwise."


def test_shutdown_ends_what_runs_and_what_waits(led: Led) -> None:
    first, second = led.submit("first"), led.submit("second")
    led.wait("first")
    jobs.shutdown()
    assert tracking.run(first).status == "stopped"
    assert tracking.run(second).status == "interrupted"
    third = led.submit("third")  # the queue can be used again
    led.go["third"].set()
    assert ended(third) == "finished"


def test_a_missing_checkpoint_is_told_before_a_run_is_made(led: Led) -> None:
    with pytest.raises(UnfreezeError, match="no checkpoint 'gone'"):
        jobs.submit(FineTuneConfig(checkpoint="gone"))
    assert len(tracking.runs()) == 0


def test_two_starts_at_the_same_instant_never_both_run(led: Led) -> None:
    barrier = threading.Barrier(4)
    found: list[str] = []

    def click(name: str) -> None:
        barrier.wait()
        found.append(led.submit(name))

    threads = [threading.Thread(target=click, args=(f"job {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(jobs.position(one) for one in found) == [0, 1, 2, 3]  # type: ignore[type-var]
    assert len(led.began) <= 1
