"""Waiting for another thread or process, as long as a machine needs that many programs share."""

import time

PATIENCE = 240.0  # seconds


def wait_for(condition):
    """Wait until a condition holds, and return its value."""
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
    return value
