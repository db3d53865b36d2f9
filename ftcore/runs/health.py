"""How this process is, for those who run it for others."""

from typing import Any

from ftcore import devices, tracking
from ftcore.errors import UnfreezeError
from ftcore.runs import queue


def report() -> dict[str, Any]:
    """Device, queue and the last failure.

    Raises UnfreezeError where the record of runs is not there, or takes nothing so that a run cannot begin.
    """
    if why := queue.trouble():
        raise UnfreezeError(why)
    order = queue.queue()
    first = order[0] if order else ""
    running = first if first and queue.position(first) == 0 else None
    return {
        "device": devices.describe(),
        "queue": {"running": running, "waiting": len(order) - (running is not None)},
        "last_error": tracking.last_failure(),
    }
