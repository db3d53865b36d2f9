"""Claims of runs: file locks, which the system releases when the process that holds them dies."""

from pathlib import Path

from filelock import FileLock, Timeout

from ftcore import paths
from ftcore.errors import UnfreezeError

CLAIM_SECONDS = 1.0  # longer than `is_claimed` holds a lock
POLL_SECONDS = 0.01


def claim(run_id: str) -> FileLock:
    """Claim a run for this process until `release`. Raises UnfreezeError if another process has it."""
    file = lock_file(run_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file, timeout=CLAIM_SECONDS, thread_local=False)
    try:
        lock.acquire(poll_interval=POLL_SECONDS)
    except Timeout:
        raise UnfreezeError("Another process works on this run: stop it there first.") from None
    return lock


def is_claimed(run_id: str, timeout: float = 0.0) -> bool:
    """Whether a live process of this machine has claimed a run.

    The check holds the lock for an instant. Concurrent callers: one gets a false positive, unless it waits
    up to `timeout` seconds.
    """
    file = lock_file(run_id)
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
    return paths.runs_dir() / run_id / "lock"
