"""Claims in a record that several machines share."""

import contextlib
import time
from functools import partial

import pytest

from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Evaluation
from ftcore.tracking import leases
from ftcore.tracking.records import Record
from ftcore.tracking.store import connect
from tests.helpers.controlled_training import call_concurrently
from tests.helpers.waiting import wait_for


@pytest.fixture
def run_id(tmp_path, monkeypatch):
    """A run in a shared record; leases are renewed by `renew` alone."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'shared.db'}")
    monkeypatch.setattr(leases, "_observer", leases._Observer())
    monkeypatch.setattr(leases, "REQUEST_SECONDS", 3600.0)
    monkeypatch.setattr(leases, "POLL_SECONDS", 0.0)
    return tracking.create_run(FineTuneConfig())


@pytest.fixture
def clock(monkeypatch):
    """`clock.now` is what `time.monotonic` says in `leases`; each look takes a second."""

    class Clock:
        now = 1000.0
        step = 1.0

        def monotonic(self):
            self.now += self.step
            return self.now

        time = staticmethod(time.time)
        sleep = staticmethod(lambda seconds: None)

    clock = Clock()
    monkeypatch.setattr(leases, "time", clock)
    return clock


def elsewhere(monkeypatch):
    """As if the holders of leases ran on other machines."""
    monkeypatch.setattr(leases, "_has_died", lambda holder: False)


def renew(run_id, time_there):
    client, _ = connect()
    client.set_tag(run_id, "unfreeze.claim.1", str(time_there))


def test_one_of_several_processes_gets_a_run_and_the_next_once_it_is_released(run_id, monkeypatch):
    monkeypatch.setattr(leases, "REQUEST_SECONDS", 0.01)
    monkeypatch.setattr(leases, "RENEWAL_SECONDS", 0.0)
    monkeypatch.setattr(leases, "LEASE_SECONDS", 3600.0)
    claims = call_concurrently(*[partial(tracking.claim, run_id)] * 4)
    held = [claim for claim in claims if not isinstance(claim, Exception)]
    assert len(held) == 1 and all(
        isinstance(claim, UnfreezeError) for claim in claims if claim not in held
    )
    assert tracking.run(run_id).claimed
    held[0].release()
    assert not tracking.run(run_id).claimed
    again = tracking.claim(run_id)
    with pytest.raises(tracking.ClaimLost):
        held[0].check()
    again.release()


def test_a_silent_lease_is_taken_over_and_its_process_learns_it(run_id, clock, monkeypatch):
    elsewhere(monkeypatch)
    first = tracking.claim(run_id)
    began = clock.now
    second = tracking.claim(run_id)
    assert clock.now - began >= leases.LEASE_SECONDS
    with (
        pytest.raises(tracking.ClaimLost),
        tracking.Recorder(run_id, first) as recorder,
    ):
        recorder.failure = "The network was cut."
        recorder.write(Evaluation("val", 4, 0.5, 2.0, 128, 0.9, 0.25))
        recorder._flush()
    assert tracking.history(run_id).empty
    second.check()


def test_a_renewed_lease_is_refused_whatever_time_it_names(run_id, clock, monkeypatch):
    elsewhere(monkeypatch)
    tracking.claim(run_id)
    renew(run_id, time.time() - 3 * 3600)
    assert not tracking.run(run_id).claimed  # all that a process can know at its first look
    renew(run_id, time.time() - 3 * 3600 + 5)
    assert tracking.run(run_id).claimed
    with pytest.raises(UnfreezeError, match="Another process"):
        tracking.claim(run_id)


def test_an_outage_of_the_record_does_not_count_as_silence(run_id, clock, monkeypatch):
    elsewhere(monkeypatch)
    tracking.claim(run_id)
    client, _ = connect()
    look = partial(leases.is_alive, Record.of(client.get_run(run_id)))
    assert look()
    clock.now += leases.LEASE_SECONDS + leases.GAP_SECONDS
    assert look()
    clock.step = 5.0
    assert [look() for _ in range(5)] == [True, True, True, False, False]


def test_the_lease_of_a_process_that_died_on_this_machine_is_free_at_once(run_id, monkeypatch):
    client, _ = connect()
    for process in ("999999999 5", f"{leases._process().split()[1]} 5"):  # gone; its id used again
        number = leases._state(Record.of(client.get_run(run_id))).number + 1
        client.log_param(run_id, f"unfreeze.claim.{number}", f"{leases._machine()} {process}")
        assert not tracking.run(run_id).claimed
    claim = tracking.claim(run_id)
    assert tracking.run(run_id).claimed
    monkeypatch.setattr(claim, "_client", None)  # the record is away
    with contextlib.suppress(AttributeError):
        claim.release()
    assert not tracking.run(run_id).claimed


def test_a_request_reaches_the_holder_once(run_id, monkeypatch):
    monkeypatch.setattr(leases, "REQUEST_SECONDS", 0.01)
    tracking.request_end(run_id, "stop")  # of an earlier execution
    claim = tracking.claim(run_id)
    tracking.request_end(run_id, "pause")
    assert (wait_for(claim.requested), claim.requested()) == ("pause", None)
    claim.release()
