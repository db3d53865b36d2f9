"""Order is that of what happened: clocks are set back, or forward, by hours."""

import time

import pytest

from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.events import Evaluation, Finished, Progress, Resumable
from ftcore.tracking import reader, recorder
from ftcore.tracking.store import connect
from tests.helpers import small_runs

HOURS = 3600.0


class Clock:
    """`time.time` of this process, MLflow's included, with an offset."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._time = time.time

    def __call__(self) -> float:
        return self._time() + self.offset


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@pytest.mark.parametrize("offset", [-3 * HOURS, 3 * HOURS], ids=["back", "forward"])
@pytest.mark.parametrize("home", [True, False], ids=["a database", "a server"])
def test_the_last_end_and_the_last_value_of_a_step_count(offset, home, clock, monkeypatch):
    monkeypatch.setattr(reader, "is_database", lambda: home)
    run_id = tracking.create_run(FineTuneConfig())
    clock.offset = 3 * HOURS
    with tracking.Recorder(run_id) as first:
        first.write(Evaluation("val", 4, 0.5, 2.0, 128, 0.9, 0.25))
        first.write(Finished("paused", "Paused.", {"val_accuracy": 0.25, "seconds": 2.0}))
    clock.offset += offset
    with tracking.Recorder(run_id) as resumed:
        resumed.write(Evaluation("val", 4, 0.5, 3.0, 128, 0.9, 0.25))
        clock.offset += offset
        resumed.write(Evaluation("val", 8, 1.0, 4.0, 256, 0.5, 0.75))
        metrics = {"val_accuracy": 0.75, "seconds": 4.0, "test_accuracy": 0.7}
        resumed.write(Finished("finished", "Done.", metrics))
    run = tracking.run(run_id)
    assert {name: run.metrics[name] for name in metrics} == metrics
    assert run.metrics["val/accuracy"] == 0.75
    assert tracking.history(run_id)["seconds"].tolist() == [3.0, 4.0]
    tracking.finish(run_id, Finished("finished", "Again.", {"seconds": 1.0}))
    assert tracking.run(run_id).metrics["seconds"] == 1.0


@pytest.mark.parametrize("offset", [-3 * HOURS, 3 * HOURS], ids=["back", "forward"])
def test_the_time_of_a_phase_is_measured(offset, clock):
    run_id = tracking.create_run(FineTuneConfig())
    claim = tracking.claim(run_id)
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Progress("encoding", 0, 100, "texts"))
        clock.offset = offset
        recorder.write(Progress("encoding", 40, 100, "texts"))
        recorder.write(Resumable(1))
        assert 0 <= tracking.run(run_id).phase_seconds < HOURS
    claim.release()


def test_runs_are_listed_newest_first_and_queued_last(clock):
    run_ids, places = [], []
    for offset in (0.0, -3 * HOURS, 5 * HOURS, 0.0):
        clock.offset = offset
        places.append(tracking.next_place())
        run_ids.append(tracking.create_run(FineTuneConfig(), place=places[-1]))
    assert tracking.runs()["run_id"].tolist() == run_ids[::-1]
    assert [run.run_id for run in tracking.waiting()] == run_ids
    assert places == sorted(set(places))


@pytest.mark.parametrize("offset", [-5 * HOURS, 5 * HOURS], ids=["behind", "ahead"])
def test_a_heartbeat_counts_if_it_arrives_whatever_time_it_names(offset, clock, monkeypatch):
    client, _ = connect()
    run_id = small_runs.run("running", saved=False)
    client.set_tag(run_id, "unfreeze.host", "elsewhere")

    def beat(time_there: float) -> None:
        client.set_tag(run_id, "unfreeze.heartbeat", str(time_there))

    beat(clock() + offset)
    assert tracking.run(run_id).status == "interrupted"
    beat(clock() + offset + recorder.HEARTBEAT_SECONDS)
    assert tracking.run(run_id).status == "running"
    later = time.monotonic() + 1000
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert tracking.run(run_id).status == "interrupted"
