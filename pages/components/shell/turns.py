"""Scripts of pages take turns, as Python computes in one thread at a time.

Threads that contend for it pass it on at each message to a browser, and wait for it again: thirty of them
took twice as long as one after the other, and each of them a second (docs/decisions.md).
"""

import functools
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streamlit.runtime.scriptrunner import script_runner

TURN_SECONDS = 0.1  # more than most scripts take; then the next one begins, and both go on


class Turns:
    """Lets one thread after the other go on, in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: threading.Event | None = None
        self._waiting: deque[threading.Event] = deque()
        self._until = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and pass it on at the end, or after TURN_SECONDS."""
        own = threading.Event()
        with self._lock:
            self._waiting.append(own)
            if self._current is None:
                self._pass_on()
        while not own.wait(max(0.0, self._until - time.monotonic())):
            with self._lock:
                if self._until <= time.monotonic():
                    self._pass_on()
        try:
            yield
        finally:
            with self._lock:
                if self._current is own:
                    self._pass_on()

    def _pass_on(self) -> None:
        self._current = self._waiting.popleft() if self._waiting else None
        if self._current:
            self._until = time.monotonic() + TURN_SECONDS
            self._current.set()


@functools.cache
def install() -> None:
    """Let Streamlit run scripts and fragments by turns."""
    turns, execute = Turns(), script_runner.exec_func_with_error_handling

    def in_turn(*arguments: Any) -> Any:
        with turns.turn():
            return execute(*arguments)

    script_runner.exec_func_with_error_handling = in_turn
