"""Stop, pause, resume and discard, of runs that are running, queued, paused or claimed elsewhere."""

from contextlib import nullcontext
from functools import partial
from threading import Event

import pytest

from ftcore import devices, paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Finished
from ftcore.models import checkpoints
from ftcore.runs import scheduler as scheduling
from ftcore.runs.scheduler import scheduler
from ftcore.training import snapshots
from tests.helpers import disk_limit, small_runs
from tests.helpers.controlled_training import call_concurrently, final_status
from tests.helpers.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow


def test_stop_ends_a_running_run_and_takes_a_queued_one_off(training):
    first, second = training.submit("first", "second")
    scheduler.stop(second)
    assert scheduler.queue.order() == [first]
    assert tracking.run(second).status == "stopped"
    scheduler.stop(first)
    assert final_status(first) == "stopped"
    assert tracking.run(first).message == "Stopped at step 1."
    scheduler.stop(first)
    assert tracking.run(first).status == "stopped"


def test_stop_of_a_queued_run_that_had_started_pauses_it(training):
    [first] = training.submit("first")
    run_id = small_runs.run("paused", saved=False)
    snapshot = snapshots.path(checkpoints.run_path(run_id))
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    snapshot.write_bytes(b"state")
    scheduler.resume(run_id)
    assert scheduler.queue.order() == [first, run_id]
    scheduler.stop(run_id)
    assert tracking.run(run_id).status == "paused" and snapshot.exists()
    scheduler.stop(run_id)
    assert tracking.run(run_id).status == "stopped" and not snapshot.exists()
    with pytest.raises(UnfreezeError, match="is stopped"):
        scheduler.resume(run_id)


def test_run_keeps_its_place_if_the_disk_is_full(training):
    first, second, third = training.submit("first", "second", "third")
    move = partial(scheduler.queue.move, by=1)
    for action in (scheduler.stop, scheduler.pause, scheduler.discard, move):
        with disk_limit.limit_file_size(1), pytest.raises(UnfreezeError, match="some space"):
            action(second)
        assert scheduler.queue.order() == [first, second, third]
    scheduler.stop(second)
    assert scheduler.queue.order() == [first, third]


def test_run_claimed_by_another_process_is_left_to_it(training):
    run_id = tracking.create_run(FineTuneConfig(name="elsewhere"), place=1.0)
    claim = tracking.claim(run_id)
    scheduler.start()
    assert training.submit("mine") == scheduler.queue.order()
    for action in (scheduler.stop, scheduler.discard, scheduler.pause):
        with pytest.raises(UnfreezeError, match="belongs to another process"):
            action(run_id)
    claim.release()


def test_paused_run_lets_the_next_start_and_resumes_first(training):
    first, second, third = training.submit("first", "second", "third")
    scheduler.pause(first)
    training.wait_for("second")
    assert tracking.run(first).status == "paused"
    scheduler.resume(first)
    with pytest.raises(UnfreezeError, match="is queued"):
        scheduler.resume(first)
    assert scheduler.queue.order() == [second, first, third]
    training.finish("first", "second", "third")
    assert final_status(third) == "finished"
    assert training.started == ["first", "second", "first", "third"]


@pytest.mark.parametrize("action", ["stop", "discard"])
def test_a_paused_run_is_ended_while_its_process_still_tidies_up(training, monkeypatch, action):
    tidied = Event()
    monkeypatch.setattr(devices, "release_memory", lambda: tidied.wait(PATIENCE))
    [run_id] = training.submit("paused")
    scheduler.pause(run_id)
    wait_for(lambda: tracking.run(run_id).status == "paused")
    assert scheduler.queue.running() == [run_id]
    getattr(scheduler, action)(run_id)
    left = [run.status for run in tracking.find_runs([run_id])]
    assert left == (["stopped"] if action == "stop" else [])
    tidied.set()


def test_several_runs_resume_in_the_given_order(training, monkeypatch):
    names = ["first", "second", "third"]
    run_ids = training.submit(*names)
    for run_id in reversed(run_ids):
        scheduler.pause(run_id)
        assert final_status(run_id) == "paused"
    training.started.clear()
    append = scheduler.queue.append

    def append_and_wait_for_a_start(job):  # so the idle worker takes whichever comes first
        append(job)
        assert training.wait_for_any()

    monkeypatch.setattr(scheduler.queue, "append", append_and_wait_for_a_start)
    scheduler.resume(*run_ids)
    assert scheduler.queue.order() == run_ids
    training.finish(*names)
    assert final_status(run_ids[-1]) == "finished"
    assert training.started == names


def test_resume_waits_for_the_process_that_ends_the_run(training, monkeypatch):
    run_id = small_runs.run("interrupted", saved=False)
    claim, tidying = tracking.claim, tracking.claim(run_id)

    def claim_while_a_process_tidies_up(run_id):
        try:
            return claim(run_id)
        finally:
            tidying.release()

    monkeypatch.setattr(tracking, "claim", claim_while_a_process_tidies_up)
    scheduler.resume(run_id)
    assert scheduler.queue.order() == [run_id]


def test_resume_queues_no_run_if_one_cannot_be_resumed(training, monkeypatch):
    monkeypatch.setattr(scheduling, "RELEASE_SECONDS", 0.0)
    paused, interrupted, finished = (
        small_runs.run(status, saved=False) for status in ("paused", "interrupted", "finished")
    )
    with pytest.raises(UnfreezeError, match="is finished"):
        scheduler.resume(paused, finished)
    claim = tracking.claim(interrupted)
    with pytest.raises(UnfreezeError, match="Another process"):
        scheduler.resume(paused, interrupted)
    claim.release()
    assert tracking.run(paused).status == "paused" and not scheduler.queue.order()
    scheduler.resume(paused, interrupted)  # both claims were released
    assert scheduler.queue.order() == [paused, interrupted]


def test_all_runs_are_queued_or_none_if_the_second_cannot_be_recorded(training, monkeypatch):
    enqueue, places = tracking.enqueue, []

    def enqueue_on_a_disk_that_fills(run_id: str, place: float) -> None:
        places.append(place)
        with disk_limit.limit_file_size(1) if len(places) == 2 else nullcontext():
            enqueue(run_id, place)

    monkeypatch.setattr(tracking, "enqueue", enqueue_on_a_disk_that_fills)
    paused = [small_runs.run("paused", saved=False) for _ in range(2)]
    with pytest.raises(UnfreezeError, match="free some space"):
        scheduler.resume(*paused)
    places.clear()
    with pytest.raises(UnfreezeError, match="free some space"):
        scheduler.submit_all([FineTuneConfig(), FineTuneConfig()], "mine", "Mine")
    assert tracking.runs()["status"].tolist() == ["paused"] * 2
    assert not scheduler.queue.order() and not training.started


def test_resume_fails_if_another_process_ends_the_run_meanwhile(training, monkeypatch):
    run_id = small_runs.run("paused", saved=False)
    claim = tracking.claim

    def claim_after_other_process(run_id: str) -> object:
        tracking.finish(run_id, Finished("stopped", "Stopped."))
        return claim(run_id)

    monkeypatch.setattr(tracking, "claim", claim_after_other_process)
    with pytest.raises(UnfreezeError, match="is stopped"):
        scheduler.resume(run_id)
    assert not scheduler.queue.order() and not training.started


def test_discard_deletes_running_queued_and_paused_runs(training):
    running, queued, paused = training.submit("running", "queued", "paused")
    scheduler.discard(queued)
    scheduler.discard(running)
    training.wait_for("paused")
    scheduler.pause(paused)
    assert final_status(paused) == "paused"
    scheduler.discard(paused)
    assert tracking.runs().empty


def test_deletion_ends_the_runs_that_need_the_checkpoint(training, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", tmp_path / "none")
    running, started, waiting = training.submit("running", "started", "waiting")
    snapshot = snapshots.path(checkpoints.run_path(started))  # taken off the queue, it is paused
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    snapshot.write_bytes(b"state")
    with pytest.raises(UnfreezeError, match=r"running \(running\)"):
        tracking.delete_checkpoint("starter")
    scheduler.delete_checkpoint("starter")
    assert {tracking.run(run).status for run in (running, started, waiting)} == {"stopped"}
    assert not (paths.checkpoints_dir() / "starter").exists()


def test_discard_is_refused_while_another_run_needs_the_model(training):
    first = small_runs.run("paused")
    training.submit("busy")
    second = scheduler.submit(FineTuneConfig(checkpoint=first, name="second"))
    with pytest.raises(UnfreezeError, match=r"second \(queued\)"):
        scheduler.discard(first)
    scheduler.delete(first)
    assert tracking.run(second).status == "stopped"
    with pytest.raises(UnfreezeError, match="no run"):
        tracking.run(first)


def test_concurrent_actions_raise_no_unexpected_error(training):
    for name in ("first", "second", "third", "fourth"):
        [run_id] = training.submit(name)
        scheduler.pause(run_id)
        assert final_status(run_id) == "paused"
        training.finish(name)
        actions = (scheduler.resume, scheduler.stop, scheduler.discard) * 2
        results = call_concurrently(*(partial(action, run_id) for action in actions))
        assert all(result is None or isinstance(result, UnfreezeError) for result in results)
        assert scheduler.queue.join(timeout=PATIENCE)
        assert all(run.status in ("finished", "stopped") for run in tracking.find_runs([run_id]))
