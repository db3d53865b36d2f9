"""The imports that take seconds, done behind the first page."""

import functools
from concurrent.futures import Future, ThreadPoolExecutor


@functools.cache
def loading() -> Future[None]:
    """Begins once for the process; pages ask whether it is `done()` and never wait for it."""
    pool = ThreadPoolExecutor(1, "warm-up")
    try:
        return pool.submit(_load)
    finally:
        pool.shutdown(wait=False)


def _load() -> None:
    from ftcore import devices, jobs, predict, tracking  # noqa: F401
