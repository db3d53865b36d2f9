"""Imports that take seconds, done in the background while the first page is shown."""

import functools
import gc
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait


@functools.cache
def preload() -> Future[None]:
    """Import torch and MLflow in a thread, once per process."""
    pool = ThreadPoolExecutor(1, "warm-up")
    try:
        return pool.submit(_load)
    finally:
        pool.shutdown(wait=False)


def wait_until_loaded(draw: Callable[[], object]) -> None:
    """Wait for `preload` at the end of a page, and call `draw` for placeholders meanwhile.

    Each call lets Streamlit interrupt the page for user input.
    """
    while not preload().done():
        draw()
        wait([preload()], timeout=0.2)


def _load() -> None:
    from ftcore.inference import explanation  # noqa: F401

    # Modules are never freed. Without freeze, each full garbage collection would traverse them and
    # block all pages and the training for 400 ms.
    gc.freeze()
