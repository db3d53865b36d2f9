"""The queue and its thread: who is next, at a start, at an end, and where nothing can be written."""

import threading
from collections.abc import Iterator

import pytest

import app
from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints
from ftcore.runs import health, queue
from ftcore.tracking import recorder
from ftcore.training import snapshots
from tests.helpers import disk_limit, small_runs
from tests.helpers.controlled_training import WAIT, Led, ended, leading


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> Iterator[Led]:
    with leading(monkeypatch) as made:
        yield made


def test_jobs_run_one_at_a_time_in_order(led: Led) -> None:
    first, second, third = led.submit("first"), led.submit("second"), led.submit("third")
    led.wait("first")
    assert [queue.position(one) for one in (first, second, third)] == [0, 1, 2]
    assert tracking.run(second).status == "queued"
    led.go["first"].set()
    led.wait("second")
    assert ended(first) == "finished"
    assert led.began == ["first", "second"]
    led.go["second"].set()
    led.go["third"].set()
    assert ended(third) == "finished"
    assert queue.position(third) is None


def test_a_failing_job_says_why_and_never_blocks_the_next(led: Led) -> None:
    broken, refused, fine = led.submit("broken"), led.submit("refused"), led.submit("fine")
    led.go["fine"].set()
    assert ended(fine) == "finished"
    assert tracking.run(broken).status == tracking.run(refused).status == "failed"
    assert "ZeroDivisionError" in tracking.run(broken).message
    assert tracking.run(refused).message == "Do it otherwise."


def test_shutdown_interrupts_what_runs_and_the_next_start_takes_up_what_waits(led: Led) -> None:
    first, second, third = led.submit("first"), led.submit("second"), led.submit("third")
    led.wait("first")
    queue.move(third, -1)
    queue.shutdown()
    assert tracking.run(first).status == "interrupted"
    assert "The program was stopped at step 1" in tracking.run(first).message
    assert tracking.run(second).status == tracking.run(third).status == "queued"
    assert queue.queue() == []

    queue.start()
    led.wait("third")
    assert queue.queue() == [third, second]
    queue.resume(first)
    assert queue.queue() == [third, first, second]
    for name in ("third", "first", "second"):
        led.go[name].set()
    assert ended(second) == "finished"
    assert tracking.run(first).status == "finished"
    assert led.began == ["first", "third", "first", "second"]


def test_a_run_whose_process_was_killed_while_it_queued_it_is_not_forgotten(
    led: Led, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(recorder, "MLFLOW_STATUS", {})  # so it ends before it tells MLflow
        with pytest.raises(KeyError):
            led.submit("first")
    led.go["first"].set()
    queue.start()
    led.wait("first")
    [run_id] = tracking.runs()["run_id"]
    assert ended(run_id) == "finished"


def test_a_start_forgets_the_states_of_runs_that_are_over(led: Led) -> None:
    """As a process leaves them that is killed between the last word on a run and this."""
    over, resting = small_runs.run("stopped", saved=False), small_runs.run("paused", saved=False)
    files = [snapshots.path(checkpoints.run_path(run_id)) for run_id in (over, resting)]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"state")
    queue.start()
    assert [file.exists() for file in files] == [False, True]


def test_runs_that_a_full_disk_keeps_from_beginning_begin_once_there_is_room(
    led: Led, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "RETRY_SECONDS", 0.05)
    first, second, third = led.submit("first"), led.submit("second"), led.submit("third")
    led.wait("first")
    with disk_limit.limit_file_size(1):
        led.go["first"].set()
        with queue._changed:  # each has had its turn
            assert queue._changed.wait_for(lambda: not queue.busy(), WAIT)
        assert [tracking.run(one).status for one in (second, third)] == ["queued", "queued"]
        assert "free some space" in queue.trouble(second)
        with pytest.raises(UnfreezeError, match="free some space"):
            health.report()
        with pytest.raises(UnfreezeError, match="free some space"):
            queue.stop(second)
        for name in ("second", "third"):
            led.go[name].set()
    for name in ("second", "third"):
        led.wait(name)
    assert ended(second) == ended(third) == "finished"
    assert tracking.run(first).status == "interrupted"
    assert not queue.trouble()


def test_a_server_that_starts_on_a_full_disk_takes_up_what_waits(
    led: Led, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it cannot write down which runs ended without a word."""
    monkeypatch.setattr(queue, "RETRY_SECONDS", 0.05)
    tracking.claim(small_runs.run("running", saved=False)).release()  # its process is gone
    led.go["waits"] = threading.Event()
    waits = tracking.create_run(FineTuneConfig(name="waits"), place=1.0)
    with disk_limit.limit_file_size(1):
        app.start_queue()
    led.go["waits"].set()
    led.wait("waits")
    assert ended(waits) == "finished"


def test_the_queue_can_be_put_in_another_order(led: Led) -> None:
    led.submit("first")
    led.wait("first")
    one, two, three = (led.submit(name) for name in ("one", "two", "three"))
    queue.move(three, -1)
    assert queue.queue()[1:] == [one, three, two]
    queue.move(one, 1)
    assert queue.queue()[1:] == [three, one, two]
    queue.move(three, -1)  # it is the first already
    queue.move(two, 1)
    assert queue.queue()[1:] == [three, one, two]
    places = [tracking.run(run_id).place for run_id in queue.queue()[1:]]
    assert places == sorted(places)


def test_a_missing_checkpoint_is_told_before_a_run_is_made(led: Led) -> None:
    with pytest.raises(UnfreezeError, match="no checkpoint 'gone'"):
        queue.submit(FineTuneConfig(checkpoint="gone"))
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
    assert sorted(queue.position(one) for one in found) == [0, 1, 2, 3]  # type: ignore[type-var]
    assert len(led.began) <= 1
