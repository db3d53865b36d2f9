"""Hidden folders for what is not whole yet, or needed for a while.

What a killed process left goes when the next one begins.
"""

import contextlib
import shutil
import uuid
import weakref
from collections.abc import Iterator
from pathlib import Path

from ftcore import paths

_PREFIX, _LOCK = ".unfreeze-", ".lock"
_NAMES = f"{_PREFIX}{'[0-9a-f]' * 32}"  # no other ones: the folder around them may be a user's


@contextlib.contextmanager
def folder(parent: Path) -> Iterator[Path]:
    """Yield a new hidden folder in `parent`, and remove what is left of it afterwards. Raises OSError.

    Its lock lies beside it, so that the folder can be renamed to what it becomes.
    """
    from filelock import FileLock  # not for `--help`

    parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(parent)
    scratch = _new_name(parent)
    with FileLock(_lock_of(scratch), thread_local=False):
        try:
            scratch.mkdir()
            yield scratch
        finally:
            _remove(scratch)


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """Yield a new folder for what is needed for a while. Raises OSError.

    It lies in the home: in the system's folder, all users would see what a killed process left.
    """
    parent = paths.temporary_dir()
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with folder(parent) as scratch:
        yield scratch


class Temporary:
    """A folder of `temporary` that stays as long as this object. Raises OSError."""

    def __init__(self) -> None:
        with contextlib.ExitStack() as stack:
            self.path = stack.enter_context(temporary())
            weakref.finalize(self, stack.pop_all().close)


def discard(folder: Path) -> None:
    """Remove a folder: it is gone at once, also if the rest is interrupted. Raises OSError."""
    _remove_abandoned(folder.parent)
    hidden = _new_name(folder.parent)
    folder.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    """Remove the hidden folders that no living process has locked."""
    from filelock import FileLock, Timeout

    locks = {_lock_of(scratch) for scratch in parent.glob(_NAMES)}
    for lock in locks | set(parent.glob(_NAMES + _LOCK)):
        with contextlib.suppress(Timeout, OSError), FileLock(lock, timeout=0, thread_local=False):
            _remove(lock.with_suffix(""))


def _remove(scratch: Path) -> None:
    """Remove a folder and its lock, which is held."""
    shutil.rmtree(scratch, ignore_errors=True)
    _lock_of(scratch).unlink(missing_ok=True)


def _new_name(parent: Path) -> Path:
    return parent / f"{_PREFIX}{uuid.uuid4().hex}"


def _lock_of(scratch: Path) -> Path:
    return scratch.with_name(scratch.name + _LOCK)
