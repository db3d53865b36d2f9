"""The supervisor: keeps a Ray driver alive. It imports neither Ray nor torch.

Ray ends a driver when its cluster is gone, so the driver is a child process. The supervisor waits
until the cluster answers again and starts another one.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from types import FrameType

from filelock import Timeout

from ftcore import paths, tracking
from ftcore.errors import UnfreezeError
from ftcore.runs import workers
from ftcore.storage import shared
from ftcore.validation import printable

RECONNECT_SECONDS = 5.0
ANSWER_SECONDS = 5.0
READY = "Executing on Ray what waits in the record."


def supervise(until_idle: bool, say: Callable[[str], None]) -> None:
    """Execute what waits in the record on Ray, until a signal or, if asked for, until nothing waits.

    `say` is told whether Ray can be reached, and why not, each time that changes.
    Raises UnfreezeError if another supervisor of this home is alive, or Ray is not installed.
    """
    workers.require_ray()
    lock = workers.supervisor_lock()
    try:
        lock.acquire()
    except Timeout:
        raise UnfreezeError("A worker of this home runs already: stop it first.") from None
    ending = threading.Event()
    driver: subprocess.Popen[bytes] | None = None

    def end(number: int, frame: FrameType | None) -> None:
        ending.set()
        if driver is not None:
            driver.terminate()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    command = [sys.executable, "-m", "ftcore.runs.ray_driver"]
    command += ["--until-idle"] if until_idle else []
    said = ""
    with lock:
        while not ending.is_set():
            problem = unreachable(os.environ.get("RAY_ADDRESS", ""))
            if said != (state := problem or READY):
                say(said := state)
            if problem:
                with contextlib.suppress(UnfreezeError):
                    if (
                        until_idle
                        and not tracking.waiting(elsewhere=shared.is_used())
                        and not tracking.lost()
                    ):
                        tracking.sign_off()
                        return
                    tracking.sign_of_life(problem)
            else:
                # Without the signals of our terminal: it ends when we say so.
                driver = subprocess.Popen(command, cwd=paths.ROOT, start_new_session=True)
                if driver.wait() == 0:
                    return
            ending.wait(RECONNECT_SECONDS)


def unreachable(address: str) -> str:
    """Why a Ray cluster cannot be reached, in a sentence; empty if it answers or is to be started here."""
    if not address or address == "auto":
        return ""
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdecimal()) or "/" in address:
        return (
            f"RAY_ADDRESS is {printable(address)!r}; give it as HOST:PORT, such as 10.0.0.1:6379."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or "no answer in time"
        return (
            f"Nobody answers at RAY_ADDRESS {printable(address)} ({reason}): start Ray there, or "
            "correct the address."
        )
    return ""
