"""Leases: claims on runs in a record that several machines share.

The claims of a run are numbered, and each number is a parameter of its MLflow run. A parameter can be written
once and never changed, so of several processes that want a number one gets it, whatever store MLflow has. The
holder renews its lease in a tag. Another process may take it over once it has read the record for
LEASE_SECONDS without a gap and saw no renewal, so neither a wrong clock nor a database that was away costs a
process its run.
"""

import contextlib
import functools
import os
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from mlflow.entities import RunTag

from ftcore.errors import UnfreezeError
from ftcore.events import Action
from ftcore.tracking import stored
from ftcore.tracking.failures import NotInRecord
from ftcore.tracking.records import Record
from ftcore.tracking.store import connect, tag

LEASE_SECONDS = 20.0
RENEWAL_SECONDS = 5.0
REQUEST_SECONDS = 1.0  # between two looks for a request
GAP_SECONDS = 10.0  # after so long without a look at a lease, its silence is counted anew
STALE_SECONDS = 120.0  # a lease that was renewed so long ago, by its own clock, is shown as ended
POLL_SECONDS = 0.5
RELEASED = "released"
REQUEST = tag("request")
CLAIM = tag("claim.")
CLAIMED = "Another process works on this run: stop it there first."


class ClaimLost(UnfreezeError):
    """Another process goes on with this run, as its own process was silent for too long."""


@dataclass(frozen=True)
class _State:
    """The last claim of a run. Its number is 0 if there was none."""

    number: int = 0
    holder: str = ""
    renewed: str = ""  # `time.time` of the holder, or RELEASED

    @property
    def is_over(self) -> bool:
        return self.number == 0 or self.renewed == RELEASED or _has_died(self.holder)


def _state(record: Record) -> _State:
    numbers = [int(name.removeprefix(CLAIM)) for name in record.params if name.startswith(CLAIM)]
    if not numbers:
        return _State()
    name = f"{CLAIM}{max(numbers)}"
    holder, renewed = record.params[name], record.tags.get(name, "")
    return _State(max(numbers), holder, renewed)


class _Observer:
    """For how long this process has seen each lease without a renewal."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[_State, float, float, bool]] = {}
        self._lock = threading.Lock()

    def look(self, run_id: str, state: _State) -> tuple[float, bool]:
        """Seconds of silence that were watched without a gap, and whether a renewal arrived before."""
        now = time.monotonic()
        with self._lock:
            known, since, last, renewed = self._seen.get(run_id, (state, now, now, False))
            if known != state:
                since, renewed = now, True
            elif now - last > GAP_SECONDS:
                since = now
            self._seen[run_id] = state, since, now, renewed
        return now - since, renewed


_observer = _Observer()
_held: set[str] = set()  # the holders of leases of this process


def is_alive(record: Record) -> bool:
    """Whether a run is claimed, as far as is known: a process that just began goes by the holder's clock."""
    state = _state(record)
    silence, renewed = _observer.look(record.run_id, state)
    if state.is_over or silence >= LEASE_SECONDS:
        return False
    return renewed or not state.renewed or abs(time.time() - float(state.renewed)) < STALE_SECONDS


def was_claimed(record: Record) -> bool:
    return _state(record).number > 0


def acquire(run_id: str) -> "Lease":
    """Claim a run. Raises UnfreezeError if another process has it."""
    while not (state := _state(stored.record(run_id))).is_over:
        silence, renewed = _observer.look(run_id, state)
        if silence >= LEASE_SECONDS:
            break
        if renewed:
            raise UnfreezeError(CLAIMED)
        time.sleep(POLL_SECONDS)
    return Lease(run_id, state.number + 1)


def request_end(run_id: str, action: Action) -> None:
    """Ask the holder of a run's lease to end the run."""
    client, _ = connect()
    client.set_tag(run_id, REQUEST, action)


class Lease:
    """The claim of this process on a run; a thread renews it and looks for requests."""

    def __init__(self, run_id: str, number: int) -> None:
        """Take this number. Raises UnfreezeError if another process has taken it."""
        self.run_id, self.number = run_id, number
        self._client, _ = connect()
        self._name = f"{CLAIM}{number}"
        self._holder = f"{_process()} {uuid.uuid4().hex}"
        self._request: Action | None = None
        self._lost = False
        self._writing = threading.Lock()
        self._closed = threading.Event()
        _held.add(self._holder)
        try:
            self._client.log_param(run_id, self._name, self._holder)
        except NotInRecord:
            _held.discard(self._holder)
            raise UnfreezeError(CLAIMED) from None
        tags = {self._name: str(time.time()), REQUEST: ""}
        self._client.log_batch(run_id, tags=[RunTag(*each) for each in tags.items()])
        self._renewed = time.monotonic()
        threading.Thread(target=self._keep, name=f"lease {run_id[:8]}", daemon=True).start()

    def release(self) -> None:
        with self._writing:
            if self._closed.is_set():
                return
            self._closed.set()
            _held.discard(self._holder)
            with contextlib.suppress(UnfreezeError):  # then it expires
                self._client.set_tag(self.run_id, self._name, RELEASED)

    def requested(self) -> Action | None:
        self._refuse_if_lost()
        action, self._request = self._request, None
        return action

    def check(self) -> None:
        self._look()
        self._refuse_if_lost()

    def _refuse_if_lost(self) -> None:
        if self._lost:
            raise ClaimLost("Another process goes on with this run, which was silent for too long.")

    def _keep(self) -> None:
        while not self._closed.wait(REQUEST_SECONDS) and not self._lost:
            with contextlib.suppress(Exception):  # the next look may succeed
                self._look()
                self._renew()

    def _look(self) -> None:
        record = stored.record(self.run_id)
        self._lost = _state(record).number > self.number
        asked = record.tags.get(REQUEST)
        if asked and not self._lost:
            self._client.set_tag(self.run_id, REQUEST, "")
            self._request = next((known for known in get_args(Action) if known == asked), None)

    def _renew(self) -> None:
        with self._writing:
            due = time.monotonic() - self._renewed >= RENEWAL_SECONDS
            if due and not self._lost and not self._closed.is_set():
                self._client.set_tag(self.run_id, self._name, str(time.time()))
                self._renewed = time.monotonic()


@functools.cache
def _machine() -> str:
    """What is the same for all processes that see each other's ids; empty if that is unknown."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    return ""


def _process() -> str:
    return f"{_machine()} {os.getpid()} {_start_time(os.getpid())}"


def _start_time(pid: int) -> str:
    """When a process of this machine began, in ticks; empty if there is none of this id."""
    with contextlib.suppress(OSError):
        # The name of the program, in parentheses, may hold spaces.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def _has_died(holder: str) -> bool:
    """Whether a process of this machine held the lease and is gone, or has given it up unrecorded."""
    machine, *process = holder.split(" ")
    if not machine or machine != _machine() or len(process) < 2:
        return False
    if int(process[0]) == os.getpid():
        return holder not in _held
    return _start_time(int(process[0])) != process[1]
