"""The imports that take seconds, done behind the first page."""

import functools
import gc
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait


@functools.cache
def preload() -> Future[None]:
    """Start the imports, once per process."""
    pool = ThreadPoolExecutor(1, "warm-up")
    try:
        return pool.submit(_load)
    finally:
        pool.shutdown(wait=False)


def wait_until_loaded(draw: Callable[[], object]) -> None:
    """Wait for it at the end of a page, drawing what stands there meanwhile.

    Each drawing is where Streamlit leaves the page for whatever was typed or pressed, so nobody else waits.
    """
    while not preload().done():
        draw()
        wait([preload()], timeout=0.2)


def _load() -> None:
    from ftcore.inference import explanation  # noqa: F401

    # What is imported stays. Were it looked through at each full collection, every page, and the
    # training, would stand still for 400 ms every few reads of the record.
    gc.freeze()
