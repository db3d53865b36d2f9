"""Who works on a run: a lock on a file, which the system gives back when the process that has it dies."""

from pathlib import Path

from filelock import FileLock, Timeout

from ftcore import paths
from ftcore.errors import UnfreezeError

PATIENCE = 1.0  # seconds; somebody who only asks has the lock for a moment
MOMENT = 0.1


def claim(run_id: str) -> FileLock:
    """Take a run; `release` gives it back. Raises UnfreezeError where another process works on it."""
    file = lock_file(run_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file, timeout=PATIENCE, thread_local=False)
    try:
        lock.acquire(poll_interval=0.01)
    except Timeout:
        raise UnfreezeError("Another process works on this run; stop it there first.") from None
    return lock


def claimed(run_id: str, surely: bool = False) -> bool:
    """Whether a living process of this machine works on a run, or holds it on its queue.

    Of two who ask at the same moment one is told so, unless it wants to know `surely`, which takes longer.
    """
    file = lock_file(run_id)
    if not file.exists():
        return False
    lock = FileLock(file, timeout=MOMENT if surely else 0, thread_local=False)
    try:
        lock.acquire(poll_interval=0.01)
    except Timeout:
        return True
    lock.release()
    return False


def lock_file(run_id: str) -> Path:
    """It stays where it is: one that is removed would split those who wait for it."""
    return paths.runs_dir() / run_id / "lock"
