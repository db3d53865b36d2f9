"""Executes a run in this process."""

import signal
from typing import TYPE_CHECKING

from ftcore.cli.printer import Printer
from ftcore.events import Finished

if TYPE_CHECKING:
    from ftcore.runs.execution import EndRequest


def end_on_signal() -> "EndRequest":
    """A request that Ctrl-C and SIGTERM set: the run ends at its next step and can be resumed.

    A second Ctrl-C ends the program at once.
    """
    from ftcore.runs.execution import EndRequest

    request = EndRequest()

    def interrupt(*_: object) -> None:
        request.action = "interrupt"
        signal.signal(signal.SIGINT, signal.default_int_handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    return request


def execute(run_id: str, request: "EndRequest", out: Printer) -> Finished:
    """Execute a run, print its events and return the last one."""
    from ftcore.runs import execution

    last = Finished("failed", "The run ended without a result.")
    for event in execution.execute(run_id, request):
        if isinstance(event, Finished):
            last = event
        else:
            out.event(event)
    return last
