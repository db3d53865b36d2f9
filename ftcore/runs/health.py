"""The state of this process, for those who operate it."""

from typing import Any

from ftcore import devices, tracking
from ftcore.errors import UnfreezeError
from ftcore.runs.scheduler import scheduler


def report() -> dict[str, Any]:
    """Device, queue and the message of the last failed run.

    Raises UnfreezeError if the record cannot be opened, or a run cannot start because it cannot be written.
    """
    for error in list(scheduler.queue.start_errors.values()):
        raise UnfreezeError(error)
    running, order = scheduler.queue.running(), scheduler.queue.order()
    return {
        "device": devices.describe(),
        "queue": {
            "running": running[0] if running else None,
            "waiting": len(order) - len(running),
        },
        "last_error": tracking.last_failure(),
    }
