"""The imports that take seconds, done behind the first page."""

import functools
import gc
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait


@functools.cache
def preload() -> Future[None]:
    """Begins once for the process."""
    return _beside(_load)


def wait_until_loaded(draw: Callable[[], object]) -> None:
    """Wait for it at the end of a page, drawing what stands there meanwhile.

    Each drawing is where Streamlit leaves the page for whatever was typed or pressed, so nobody else waits.
    """
    while not preload().done():
        draw()
        wait([preload()], timeout=0.2)


@functools.cache
def preload_explanation() -> Future[None]:
    """The same of what only the reasons for an answer need; begun where they are a click away."""
    return _beside(_load_explanation)


def _beside(load: Callable[[], None]) -> Future[None]:
    pool = ThreadPoolExecutor(1, "warm-up")
    try:
        return pool.submit(load)
    finally:
        pool.shutdown(wait=False)


def _load() -> None:
    from ftcore.inference import prediction  # noqa: F401

    # What is imported stays. Were it looked through at each full collection, every page, and the
    # training, would stand still for 400 ms every few reads of the record.
    gc.freeze()


def _load_explanation() -> None:
    from captum import attr  # noqa: F401

    from ftcore.inference import explanation  # noqa: F401
