"""The claim of a process on a run, so that at most one process works on it, and requests to that process.

In the database of our home, a claim is a file lock, which the system releases when its process dies. A record
that several machines share has leases instead (`leases.py`).
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, get_args

from filelock import FileLock, Timeout

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.events import Action
from ftcore.storage import files
from ftcore.tracking import leases
from ftcore.tracking.address import is_home_database
from ftcore.tracking.leases import CLAIMED
from ftcore.tracking.records import Record

CLAIM_SECONDS = 1.0  # longer than `is_locked` holds a lock
POLL_SECONDS = 0.01


class Claim(Protocol):
    """Held by the process that works on a run."""

    def release(self) -> None:
        """Let other processes claim the run. May be called twice."""

    def requested(self) -> Action | None:
        """How another process asks the run to end, once. Raises ClaimLost."""

    def check(self) -> None:
        """Raise ClaimLost if another process has claimed the run meanwhile."""


def claim(run_id: str) -> Claim:
    """Claim a run for this process until `release`. Raises UnfreezeError if another process has it.

    In a record that machines share, this takes up to `leases.LEASE_SECONDS` if its process does not answer.
    """
    return FileClaim(run_id) if is_home_database() else leases.acquire(run_id)


def is_claimed(record: Record) -> bool:
    """Whether a live process has claimed a run, by its record."""
    return bool(claimed([record]))


def claimed(records: Iterable[Record], timeout: float = 0.0) -> set[str]:
    """Ids of the runs that live processes have claimed, by their records; `timeout` as of `is_locked`."""
    if is_home_database():
        folder = paths.runs_dir()
        ids = [record.run_id for record in records]
        return {run_id for run_id in ids if is_locked(_lock_file(folder, run_id), timeout)}
    return {record.run_id for record in records if leases.is_alive(record)}


def request_end(run_id: str, action: Action) -> None:
    """Ask the process that executes a run to end it at its next event."""
    if is_home_database():
        files.write(_request_file(run_id), action.encode())
    else:
        leases.request_end(run_id, action)


class FileClaim:
    """A file lock, and a file with the request of another process."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        file = lock_file(run_id)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(file, timeout=CLAIM_SECONDS, thread_local=False)
        try:
            self._lock.acquire(poll_interval=POLL_SECONDS)
        except Timeout:
            raise UnfreezeError(CLAIMED) from None
        self.requested()  # forgets that of an earlier execution

    def release(self) -> None:
        self._lock.release()

    def requested(self) -> Action | None:
        file = _request_file(self.run_id)
        with contextlib.suppress(OSError):  # there is no request
            action = file.read_text()
            file.unlink()
            return next((known for known in get_args(Action) if known == action), None)
        return None

    def check(self) -> None:
        """Do nothing: the system keeps the lock."""


def is_locked(file: Path, timeout: float = 0.0) -> bool:
    """Whether a live process of this machine holds a lock.

    The check holds the lock for an instant. Concurrent callers: one gets a false positive, unless it waits
    up to `timeout` seconds.
    """
    if not file.exists():
        return False
    lock = FileLock(file, timeout=timeout, thread_local=False)
    try:
        lock.acquire(poll_interval=POLL_SECONDS)
    except Timeout:
        return True
    lock.release()
    return False


def lock_file(run_id: str) -> Path:
    """The file of a run's lock. It is never deleted alone: processes that wait for it would diverge."""
    return _lock_file(paths.runs_dir(), run_id)


def _lock_file(folder: Path, run_id: str) -> Path:
    return folder / run_id / "lock"


def _request_file(run_id: str) -> Path:
    return paths.runs_dir() / run_id / "request"
