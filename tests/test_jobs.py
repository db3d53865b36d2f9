"""The queue and its thread, over a training that the test leads by the hand."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftcore import checkpoints, events, health, jobs, settings, snapshots, tracking, train
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Finished, Progress, Task
from ftcore.tracking import recorder
from tests import disk, tiny

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


def test_a_run_that_waits_is_paused_and_waits_again_when_it_is_resumed(led: Led) -> None:
    first, second = led.submit("first"), led.submit("second")
    led.wait("first")
    jobs.pause(second)
    assert tracking.run(second).status == "paused" and jobs.position(second) is None
    jobs.resume(second)
    assert tracking.run(second).status == "queued" and jobs.position(second) == 1
    jobs.pause(second)
    jobs.stop(first)
    assert ended(first) == "stopped"
    assert led.began == ["first"] and tracking.run(second).status == "paused"


def test_shutdown_interrupts_what_runs_and_the_next_start_takes_up_what_waits(led: Led) -> None:
    first, second, third = led.submit("first"), led.submit("second"), led.submit("third")
    led.wait("first")
    jobs.move(third, -1)
    jobs.shutdown()
    assert tracking.run(first).status == "interrupted"
    assert "The program was stopped at step 1" in tracking.run(first).message
    assert tracking.run(second).status == tracking.run(third).status == "queued"
    assert jobs.queue() == []

    jobs.start()
    led.wait("third")
    assert jobs.queue() == [third, second]
    jobs.resume(first)
    assert jobs.queue() == [third, first, second]
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
    jobs.start()
    led.wait("first")
    [run_id] = tracking.runs()["run_id"]
    assert ended(run_id) == "finished"


def test_a_run_that_was_begun_and_leaves_the_queue_can_still_go_on(led: Led) -> None:
    first = led.submit("first")
    led.wait("first")
    begun = tiny.run("paused", saved=False)
    file = snapshots.path(checkpoints.run_path(begun))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"state")
    jobs.resume(begun)
    assert jobs.queue() == [first, begun]
    jobs.stop(begun)
    assert tracking.run(begun).status == "paused"
    assert file.exists()
    jobs.stop(begun)
    assert tracking.run(begun).status == "stopped"
    assert not file.exists()


def test_a_start_forgets_the_states_of_runs_that_are_over(led: Led) -> None:
    """As a process leaves them that is killed between the last word on a run and this."""
    over, resting = tiny.run("stopped", saved=False), tiny.run("paused", saved=False)
    files = [snapshots.path(checkpoints.run_path(run_id)) for run_id in (over, resting)]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"state")
    jobs.start()
    assert [file.exists() for file in files] == [False, True]


def test_runs_that_a_full_disk_keeps_from_beginning_begin_once_there_is_room(
    led: Led, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "RETRY_SECONDS", 0.05)
    first, second, third = led.submit("first"), led.submit("second"), led.submit("third")
    led.wait("first")
    with disk.room(1):
        led.go["first"].set()
        with jobs._changed:  # each has had its turn
            assert jobs._changed.wait_for(lambda: not jobs.busy(), WAIT)
        assert [tracking.run(one).status for one in (second, third)] == ["queued", "queued"]
        assert "free some space" in jobs.trouble(second)
        with pytest.raises(UnfreezeError, match="free some space"):
            health.report()
        with pytest.raises(UnfreezeError, match="free some space"):
            jobs.stop(second)
        for name in ("second", "third"):
            led.go[name].set()
    for name in ("second", "third"):
        led.wait(name)
    assert ended(second) == ended(third) == "finished"
    assert tracking.run(first).status == "interrupted"
    assert not jobs.trouble()


def test_what_cannot_be_written_down_as_taken_off_waits_on(led: Led) -> None:
    first, second, third = led.submit("first"), led.submit("second"), led.submit("third")
    led.wait("first")
    for ending in (jobs.stop, jobs.pause, jobs.discard):
        with disk.room(1), pytest.raises(UnfreezeError, match="free some space"):
            ending(second)
        assert jobs.queue() == [first, second, third]
    with disk.room(1), pytest.raises(UnfreezeError, match="free some space"):
        jobs.move(third, -1)
    assert jobs.queue() == [first, second, third]
    jobs.stop(second)
    assert jobs.queue() == [first, third]


def test_what_another_process_has_is_left_to_it(led: Led) -> None:
    run_id = tracking.create_run(FineTuneConfig(name="elsewhere"), place=1.0)
    claim = tracking.claim(run_id)
    jobs.start()
    mine = led.submit("mine")
    led.wait("mine")
    assert jobs.queue() == [mine]
    for act in (jobs.stop, jobs.discard, jobs.pause):
        with pytest.raises(UnfreezeError, match="belongs to another process"):
            act(run_id)
    claim.release()


def test_a_paused_run_lets_the_next_begin_and_goes_on_before_those_that_wait(led: Led) -> None:
    first, second, third = led.submit("first"), led.submit("second"), led.submit("third")
    led.wait("first")
    jobs.pause(first)
    led.wait("second")
    assert tracking.run(first).status == "paused"
    jobs.resume(first)
    with pytest.raises(UnfreezeError, match="is queued"):
        jobs.resume(first)
    assert jobs.queue() == [second, first, third]
    for name in ("first", "second", "third"):
        led.go[name].set()
    assert ended(third) == "finished"
    assert led.began == ["first", "second", "first", "third"]


def test_several_go_on_in_their_order_also_where_nothing_trains(led: Led) -> None:
    names = ("first", "second", "third")
    several = [led.submit(name) for name in names]
    led.wait("first")
    for run_id in reversed(several):
        jobs.pause(run_id)
    assert ended(several[0]) == "paused"
    led.began.clear()
    jobs.resume(*several)
    led.wait("first")
    assert jobs.queue() == several
    places = [tracking.run(run_id).place for run_id in several]
    assert places == sorted(places)
    for name in names:
        led.go[name].set()
    assert ended(several[-1]) == "finished"
    assert tuple(led.began) == names


def test_where_one_of_several_cannot_go_on_none_is_queued(led: Led) -> None:
    paused, elsewhere, over = (tiny.run(status, saved=False) for status in
                               ("paused", "interrupted", "finished"))  # fmt: skip
    with pytest.raises(UnfreezeError, match="is finished"):
        jobs.resume(paused, over)
    claim = tracking.claim(elsewhere)
    with pytest.raises(UnfreezeError):
        jobs.resume(paused, elsewhere)
    claim.release()
    assert tracking.run(paused).status == "paused" and not jobs.busy()
    led.go[tracking.run(paused).config.name] = threading.Event()
    jobs.resume(paused, elsewhere)  # nobody has kept either of them
    assert jobs.queue() == [paused, elsewhere]


def test_the_queue_can_be_put_in_another_order(led: Led) -> None:
    led.submit("first")
    led.wait("first")
    one, two, three = (led.submit(name) for name in ("one", "two", "three"))
    jobs.move(three, -1)
    assert jobs.queue()[1:] == [one, three, two]
    jobs.move(one, 1)
    assert jobs.queue()[1:] == [three, one, two]
    jobs.move(three, -1)  # it is the first already
    jobs.move(two, 1)
    assert jobs.queue()[1:] == [three, one, two]
    places = [tracking.run(run_id).place for run_id in jobs.queue()[1:]]
    assert places == sorted(places)


def test_a_discarded_run_is_gone_wherever_it_was(led: Led) -> None:
    running, waiting, paused = led.submit("running"), led.submit("waiting"), led.submit("paused")
    led.wait("running")
    jobs.discard(waiting)
    jobs.discard(running)
    led.wait("paused")
    jobs.pause(paused)
    assert ended(paused) == "paused"
    jobs.discard(paused)
    assert tracking.runs().empty


def test_a_run_that_two_resume_at_once_is_resumed_by_one(
    led: Led, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = led.submit("first")
    led.wait("first")
    jobs.pause(run_id)
    assert ended(run_id) == "paused"
    led.began.clear()

    def while_somebody_is_quicker(config: FineTuneConfig) -> None:
        monkeypatch.setattr(jobs, "check", lambda config: None)
        jobs.resume(run_id)
        led.wait("first")

    monkeypatch.setattr(jobs, "check", while_somebody_is_quicker)
    with pytest.raises(UnfreezeError, match="works on this run"):
        jobs.resume(run_id)
    assert tracking.run(run_id).status == "running"
    led.go["first"].set()
    assert ended(run_id) == "finished"
    assert led.began == ["first"]


def test_of_those_who_decide_at_once_what_becomes_of_a_run_one_is_first(led: Led) -> None:
    """Whoever comes later is told in a sentence, and nothing goes wrong behind it."""
    for number in range(4):
        run_id = led.submit(f"run {number}")
        led.wait(f"run {number}")
        jobs.pause(run_id)
        assert ended(run_id) == "paused"
        led.go[f"run {number}"].set()
        together = threading.Barrier(6)
        unexpected: list[BaseException] = []

        def decide(
            decision: Callable[[str], None], one: str, at: threading.Barrier, bad: list
        ) -> None:
            at.wait()
            try:
                decision(one)
            except UnfreezeError:
                pass
            except Exception as error:
                bad.append(error)

        crowd = [
            threading.Thread(target=decide, args=(decision, run_id, together, unexpected))
            for decision in (jobs.resume, jobs.stop, jobs.discard) * 2
        ]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        assert not unexpected
        with jobs._changed:
            assert jobs._changed.wait_for(lambda: not jobs.busy(), WAIT)
        left = tracking.several([run_id])
        assert not left or left[0].status in ("finished", "stopped")


def test_keeping_a_paused_run_ends_it(led: Led) -> None:
    run_id = led.submit("one")
    led.wait("one")
    jobs.pause(run_id)
    assert ended(run_id) == "paused"
    jobs.stop(run_id)
    assert tracking.run(run_id).status == "stopped"
    with pytest.raises(UnfreezeError, match="is stopped"):
        jobs.resume(run_id)


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
