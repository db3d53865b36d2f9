"""The order in which runs are executed, after restarts and errors, too, and on a full disk."""

import subprocess
import sys
import time
from functools import partial

import pytest

import app
from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError, user_message
from ftcore.models import checkpoints
from ftcore.runs import queue
from ftcore.runs.scheduler import scheduler
from ftcore.storage import open_files
from ftcore.tracking import leases, store
from ftcore.training import snapshots
from tests.helpers import disk_limit, open_file_limit, small_runs
from tests.helpers.controlled_training import call_concurrently, final_status
from tests.helpers.waiting import PATIENCE, wait_for


def test_runs_are_executed_one_at_a_time_in_order(training):
    first, second, third = training.submit("first", "second", "third")
    assert scheduler.queue.order() == [first, second, third]
    assert scheduler.health()["queue"] == {"running": first, "waiting": 2}
    assert tracking.run(second).status == "queued"
    training.finish("first")
    training.wait_for("second")
    assert final_status(first) == "finished"
    assert training.started == ["first", "second"]
    training.finish("second", "third")
    assert final_status(third) == "finished"
    assert scheduler.health()["queue"] == {"running": None, "waiting": 0}


def test_concurrent_submissions_start_one_run(training):
    configs = [FineTuneConfig(name=f"run {n}") for n in range(4)]
    run_ids = call_concurrently(*(partial(scheduler.submit, config) for config in configs))
    running, *waiting = scheduler.queue.order()
    training.wait_for(tracking.run(running).config.name)
    assert {running, *waiting} == set(run_ids)
    assert scheduler.queue.running() == [running] and len(training.started) == 1


def test_failed_run_says_why_and_the_next_starts(training):
    broken, refused, fine = training.submit("broken", "refused", "fine")
    training.finish("fine")
    assert final_status(fine) == "finished"
    assert tracking.run(broken).status == tracking.run(refused).status == "failed"
    assert "ZeroDivisionError" in tracking.run(broken).message
    assert scheduler.health()["last_error"] == tracking.run(refused).message == "Choose other data."


def test_run_that_cannot_succeed_is_not_recorded(training):
    for settings, message in (
        ({"dataset": "imbd"}, r"no dataset 'imbd'; did you mean imdb\? Choose one of sample, imdb"),
        ({"checkpoint": "startr"}, r"no checkpoint 'startr'; did you mean starter\? Choose one of"),
        ({"checkpoint": "gone", "mode": "linear-probe"}, "no checkpoint 'gone'; choose one of"),
        ({"source_task_data": "no/where"}, "no/where is not there"),
    ):
        with pytest.raises(UnfreezeError, match=message):
            scheduler.submit(FineTuneConfig(**settings))
    assert tracking.runs().empty


def test_shutdown_interrupts_what_runs_and_keeps_what_waits(training):
    first, second, third = training.submit("first", "second", "third")
    scheduler.queue.move(third, -1)
    scheduler.shutdown()
    assert tracking.run(first).status == "interrupted"
    assert "The program was stopped at step 1" in tracking.run(first).message
    assert tracking.run(second).status == tracking.run(third).status == "queued"
    assert scheduler.queue.order() == []

    scheduler.start()
    training.wait_for("third")
    assert scheduler.queue.order() == [third, second]
    scheduler.resume(first)
    assert scheduler.queue.order() == [third, first, second]
    training.finish("first", "second", "third")
    assert final_status(second) == "finished"
    assert tracking.run(first).status == "finished"
    assert training.started == ["first", "third", "first", "second"]


def test_start_deletes_the_snapshots_of_ended_runs(training):
    """They remain where a process is killed between the last event and the deletion."""
    run_ids = [small_runs.run(status, saved=False) for status in ("stopped", "paused")]
    files = [snapshots.path(checkpoints.run_path(run_id)) for run_id in run_ids]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"state")
    scheduler.start()
    assert [file.exists() for file in files] == [False, True]


def test_runs_that_cannot_start_on_a_full_disk_start_once_another_run_can(training, monkeypatch):
    monkeypatch.setattr(queue, "RETRY_SECONDS", 60.0)
    first, second, third = training.submit("first", "second", "third")
    training.finish("second", "third", "fourth")
    with disk_limit.limit_file_size(1):
        training.finish("first")
        assert scheduler.queue.join(timeout=PATIENCE)  # each was tried
        assert [tracking.run(run_id).status for run_id in (second, third)] == ["queued"] * 2
        assert "free some space" in scheduler.queue.start_errors[second]
        with pytest.raises(UnfreezeError, match="free some space"):
            scheduler.health()
        with pytest.raises(UnfreezeError, match="free some space"):
            scheduler.stop(second)
    training.submit("fourth")
    training.wait_for("second")
    training.wait_for("third")
    assert final_status(second) == final_status(third) == "finished"
    assert tracking.run(first).status == "interrupted"
    assert not scheduler.queue.start_errors


def test_server_that_starts_on_a_full_disk_executes_the_queue_once_it_has_room(
    training, monkeypatch
):
    monkeypatch.setattr(queue, "RETRY_SECONDS", 0.05)
    tracking.claim(small_runs.run("running", saved=False)).release()  # reads as interrupted
    run_id = tracking.create_run(FineTuneConfig(name="queued"), place=1.0)
    with disk_limit.limit_file_size(1):
        app.start_queue()
    training.finish("queued")
    training.wait_for("queued")
    assert final_status(run_id) == "finished"


def test_run_waits_while_too_many_files_are_open(training, monkeypatch):
    monkeypatch.setattr(queue, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(open_files, "NEEDED", 400)
    first, second = training.submit("first", "second")
    with open_file_limit.limit_open_files(200):
        training.finish("first", "second")
        assert final_status(first) == "finished"
        wait_for(lambda: second in scheduler.queue.start_errors)
        assert "Too many files are open" in scheduler.queue.start_errors[second]
        assert tracking.run(second).status == "queued"
        with pytest.raises(UnfreezeError, match="limit of open files"):
            scheduler.health()
    training.wait_for("second")
    assert final_status(second) == "finished"


def test_run_that_lacks_a_file_is_interrupted(training):
    [run_id] = training.submit("out of files")
    assert final_status(run_id) == "interrupted"
    run = tracking.run(run_id)
    assert run.resumable and "Too many files are open" in run.message
    rust = RuntimeError("I/O error: Too many open files (os error 24)")  # of safetensors
    assert user_message(rust) == run.message.removesuffix(" The run can be resumed.")


def test_move_swaps_neighbours_in_queue_and_record(training):
    _, one, two, three = training.submit("first", "one", "two", "three")
    scheduler.queue.move(three, -1)
    assert scheduler.queue.order()[1:] == [one, three, two]
    for run_id, by in ((one, 1), (three, -1), (two, 1)):  # the last two are at the ends by then
        scheduler.queue.move(run_id, by)
        assert scheduler.queue.order()[1:] == [three, one, two]
    places = [tracking.run(run_id).place for run_id in scheduler.queue.order()[1:]]
    assert places == sorted(places)


ANOTHER_SERVER = """
import sys, time
from pathlib import Path
from ftcore.config import FineTuneConfig
from ftcore.events import Pause, Progress, Stop, Finished
from ftcore.runs import train
from ftcore.runs.scheduler import scheduler

def tell(line):  # in one piece, as two threads tell something
    sys.stdout.write(line + "\\n")
    sys.stdout.flush()

def training(config, output, ref, resume):
    tell(config.name)
    try:
        while True:
            time.sleep(0.01)
            yield Progress("training", 1, 2, "steps")
    except Stop:
        yield Finished("stopped", "Stopped there.")

train.train = training
for name in sys.argv[1:]:
    tell(scheduler.submit(FineTuneConfig(name=name)))
time.sleep(600)
"""


@pytest.fixture
def server(training):
    """Another process on the same home, which executes "one"; "two" waits."""
    command = [sys.executable, "-c", ANOTHER_SERVER, "one", "two"]
    server = subprocess.Popen(command, cwd=paths.ROOT, text=True, stdout=subprocess.PIPE)
    lines = [server.stdout.readline().strip() for _ in range(3)]
    lines.remove("one")
    scheduler.start()
    yield server, *lines
    server.kill()
    server.communicate()


@pytest.mark.slow
def test_queue_of_a_killed_server_is_taken_over_by_another_without_a_restart(training, server):
    process, one, two = server
    process.kill()
    killed_at = time.monotonic()
    training.wait_for("two")
    assert time.monotonic() - killed_at < leases.LEASE_SECONDS, "the file lock tells, not the lease"
    assert tracking.run(one).status == "interrupted"
    training.finish("one", "two")
    assert final_status(two) == "finished"
    scheduler.resume(one)
    assert final_status(one) == "finished"
    assert training.started == ["two", "one"]


@pytest.mark.slow
def test_two_servers_share_one_queue_and_each_can_act_on_all_of_it(training, server):
    process, one, two = server
    three = scheduler.submit(FineTuneConfig(name="three"))
    wait_for(lambda: scheduler.queue.order() == [one, two, three])
    assert scheduler.health()["queue"] == {"running": one, "waiting": 2}
    scheduler.queue.move(three, -1)
    assert scheduler.queue.order() == [one, three, two]
    scheduler.stop(one)
    assert process.stdout.readline().strip() == "three"  # the other has the turn
    assert tracking.run(one).message == "Stopped there."
    scheduler.stop(two)
    wait_for(lambda: scheduler.queue.order() == [three])
    assert tracking.run(two).status == "stopped"
    scheduler.discard(three)
    wait_for(lambda: not scheduler.queue.order())
    wait_for(lambda: three not in tracking.runs()["run_id"].tolist())
    assert not training.started


def test_people_take_turns_and_a_high_priority_is_first_among_ones_own(training):
    def submit(name, person, priority="normal"):
        return scheduler.submit(FineTuneConfig(name=name, priority=priority), person)

    first, second, third = (submit(name, "Ann") for name in ("a1", "a2", "a3"))
    training.wait_for("a1")
    urgent, other = submit("a4", "Ann", "high"), submit("b1", "Ben")
    assert scheduler.queue.order() == [first, other, urgent, second, third]
    assert tracking.run(other).person == "Ben"
    assert scheduler.queue.movable(1) == {second} and scheduler.queue.movable(-1) == {third}
    scheduler.queue.move(third, -1)
    assert scheduler.queue.order() == [first, other, urgent, third, second]
    training.finish("a1", "a2", "a3", "a4", "b1")
    assert final_status(second) == "finished"
    assert training.started == ["a1", "b1", "a4", "a3", "a2"]


def test_the_person_is_the_user_of_the_process_and_someone_in_earlier_records(monkeypatch):
    monkeypatch.setenv("UNFREEZE_PERSON", "  Ann\n Lee ")
    run_id = tracking.create_run(FineTuneConfig())
    assert tracking.run(run_id).person == "Ann Lee"
    client, _ = store.connect()
    client.set_tag(run_id, store.tag("person"), "")
    assert tracking.run(run_id).person == "someone"
