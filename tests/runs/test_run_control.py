"""What somebody decides of runs that train, wait or rest: stop, pause, resume, discard."""

import threading
from collections.abc import Callable, Iterator

import pytest

from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints
from ftcore.runs import queue
from ftcore.training import snapshots
from tests.helpers import disk_limit, small_runs
from tests.helpers.controlled_training import WAIT, Led, ended, leading


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> Iterator[Led]:
    with leading(monkeypatch) as made:
        yield made


def test_stop_reaches_the_running_one_and_takes_waiting_ones_off(led: Led) -> None:
    first, second = led.submit("first"), led.submit("second")
    led.wait("first")
    queue.stop(second)
    assert queue.position(second) is None
    assert tracking.run(second).status == "stopped"
    queue.stop(first)
    assert ended(first) == "stopped"
    assert tracking.run(first).message == "Stopped at step 1."
    queue.stop(first)  # once more changes nothing


def test_a_run_that_waits_is_paused_and_waits_again_when_it_is_resumed(led: Led) -> None:
    first, second = led.submit("first"), led.submit("second")
    led.wait("first")
    queue.pause(second)
    assert tracking.run(second).status == "paused" and queue.position(second) is None
    queue.resume(second)
    assert tracking.run(second).status == "queued" and queue.position(second) == 1
    queue.pause(second)
    queue.stop(first)
    assert ended(first) == "stopped"
    assert led.began == ["first"] and tracking.run(second).status == "paused"


def test_a_run_that_was_begun_and_leaves_the_queue_can_still_go_on(led: Led) -> None:
    first = led.submit("first")
    led.wait("first")
    begun = small_runs.run("paused", saved=False)
    file = snapshots.path(checkpoints.run_path(begun))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"state")
    queue.resume(begun)
    assert queue.queue() == [first, begun]
    queue.stop(begun)
    assert tracking.run(begun).status == "paused"
    assert file.exists()
    queue.stop(begun)
    assert tracking.run(begun).status == "stopped"
    assert not file.exists()


def test_what_cannot_be_written_down_as_taken_off_waits_on(led: Led) -> None:
    first, second, third = led.submit("first"), led.submit("second"), led.submit("third")
    led.wait("first")
    for ending in (queue.stop, queue.pause, queue.discard):
        with disk_limit.limit_file_size(1), pytest.raises(UnfreezeError, match="free some space"):
            ending(second)
        assert queue.queue() == [first, second, third]
    with disk_limit.limit_file_size(1), pytest.raises(UnfreezeError, match="free some space"):
        queue.move(third, -1)
    assert queue.queue() == [first, second, third]
    queue.stop(second)
    assert queue.queue() == [first, third]


def test_what_another_process_has_is_left_to_it(led: Led) -> None:
    run_id = tracking.create_run(FineTuneConfig(name="elsewhere"), place=1.0)
    claim = tracking.claim(run_id)
    queue.start()
    mine = led.submit("mine")
    led.wait("mine")
    assert queue.queue() == [mine]
    for act in (queue.stop, queue.discard, queue.pause):
        with pytest.raises(UnfreezeError, match="belongs to another process"):
            act(run_id)
    claim.release()


def test_a_paused_run_lets_the_next_begin_and_goes_on_before_those_that_wait(led: Led) -> None:
    first, second, third = led.submit("first"), led.submit("second"), led.submit("third")
    led.wait("first")
    queue.pause(first)
    led.wait("second")
    assert tracking.run(first).status == "paused"
    queue.resume(first)
    with pytest.raises(UnfreezeError, match="is queued"):
        queue.resume(first)
    assert queue.queue() == [second, first, third]
    for name in ("first", "second", "third"):
        led.go[name].set()
    assert ended(third) == "finished"
    assert led.began == ["first", "second", "first", "third"]


def test_several_go_on_in_their_order_also_where_nothing_trains(led: Led) -> None:
    names = ("first", "second", "third")
    several = [led.submit(name) for name in names]
    led.wait("first")
    for run_id in reversed(several):
        queue.pause(run_id)
    assert ended(several[0]) == "paused"
    led.began.clear()
    queue.resume(*several)
    led.wait("first")
    assert queue.queue() == several
    places = [tracking.run(run_id).place for run_id in several]
    assert places == sorted(places)
    for name in names:
        led.go[name].set()
    assert ended(several[-1]) == "finished"
    assert tuple(led.began) == names


def test_where_one_of_several_cannot_go_on_none_is_queued(led: Led) -> None:
    paused, elsewhere, over = (
        small_runs.run(status, saved=False) for status in ("paused", "interrupted", "finished")
    )
    with pytest.raises(UnfreezeError, match="is finished"):
        queue.resume(paused, over)
    claim = tracking.claim(elsewhere)
    with pytest.raises(UnfreezeError):
        queue.resume(paused, elsewhere)
    claim.release()
    assert tracking.run(paused).status == "paused" and not queue.busy()
    led.go[tracking.run(paused).config.name] = threading.Event()
    queue.resume(paused, elsewhere)  # nobody has kept either of them
    assert queue.queue() == [paused, elsewhere]


def test_a_discarded_run_is_gone_wherever_it_was(led: Led) -> None:
    running, waiting, paused = led.submit("running"), led.submit("waiting"), led.submit("paused")
    led.wait("running")
    queue.discard(waiting)
    queue.discard(running)
    led.wait("paused")
    queue.pause(paused)
    assert ended(paused) == "paused"
    queue.discard(paused)
    assert tracking.runs().empty


def test_a_run_that_two_resume_at_once_is_resumed_by_one(
    led: Led, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = led.submit("first")
    led.wait("first")
    queue.pause(run_id)
    assert ended(run_id) == "paused"
    led.began.clear()

    def while_somebody_is_quicker(config: FineTuneConfig) -> None:
        monkeypatch.setattr(queue, "check", lambda config: None)
        queue.resume(run_id)
        led.wait("first")

    monkeypatch.setattr(queue, "check", while_somebody_is_quicker)
    with pytest.raises(UnfreezeError, match="works on this run"):
        queue.resume(run_id)
    assert tracking.run(run_id).status == "running"
    led.go["first"].set()
    assert ended(run_id) == "finished"
    assert led.began == ["first"]


def test_of_those_who_decide_at_once_what_becomes_of_a_run_one_is_first(led: Led) -> None:
    """Whoever comes later is told in a sentence, and nothing goes wrong behind it."""
    for number in range(4):
        run_id = led.submit(f"run {number}")
        led.wait(f"run {number}")
        queue.pause(run_id)
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
            for decision in (queue.resume, queue.stop, queue.discard) * 2
        ]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        assert not unexpected
        with queue._changed:
            assert queue._changed.wait_for(lambda: not queue.busy(), WAIT)
        left = tracking.several([run_id])
        assert not left or left[0].status in ("finished", "stopped")


def test_keeping_a_paused_run_ends_it(led: Led) -> None:
    run_id = led.submit("one")
    led.wait("one")
    queue.pause(run_id)
    assert ended(run_id) == "paused"
    queue.stop(run_id)
    assert tracking.run(run_id).status == "stopped"
    with pytest.raises(UnfreezeError, match="is stopped"):
        queue.resume(run_id)
