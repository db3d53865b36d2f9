"""How this process is, for those who run it for others."""

from typing import Any

from ftcore import devices, jobs, tracking
from ftcore.errors import UnfreezeError


def report() -> dict[str, Any]:
    """Device, queue and the last failure.

    Raises UnfreezeError where the record of runs is not there, or takes nothing so that a run cannot begin.
    """
    if why := jobs.trouble():
        raise UnfreezeError(why)
    queue = jobs.queue()
    first = queue[0] if queue else ""
    running = first if first and jobs.position(first) == 0 else None
    return {
        "device": devices.describe(),
        "queue": {"running": running, "waiting": len(queue) - (running is not None)},
        "last_error": tracking.last_failure(),
    }
