"""A lock for each stored dataset, held while its labels, its texts or its name change."""

import contextlib
from collections.abc import Iterator

from filelock import FileLock, Timeout

from ftcore import paths
from ftcore.errors import UnfreezeError, user_message

LOCK_SECONDS = 5.0  # to wait for another one's change


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Keep other threads and processes from changing a dataset. Raises UnfreezeError if one is at it."""
    # Not in the folder, which is replaced as a whole when texts are edited.
    file = paths.locks_dir() / f"{name}.lock"
    lock = FileLock(file, timeout=LOCK_SECONDS, thread_local=False)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UnfreezeError(
            f"The dataset {name} is just being changed by someone else: try again in a minute."
        ) from None
    except OSError as error:
        raise UnfreezeError(user_message(error)) from error
    try:
        yield
    finally:
        lock.release()
