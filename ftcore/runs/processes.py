"""A run on several devices: starts a process for each, and follows the first one.

Each process trains by `ftcore.training.distributed`. The events of the first arrive here, and are recorded
like those of any run. It prepares the run before the others, which then find the encoded data in the cache.
Whatever ends a process ends all, and the run resumes from the last snapshot of the first one.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from ftcore import devices, paths
from ftcore.config import FineTuneConfig
from ftcore.errors import LostProcess
from ftcore.events import Event, Pause, Started, Stop, Task
from ftcore.training.distributed import Membership

GRACE_SECONDS = 5.0  # for the process that ended first to be known


@dataclass(frozen=True)
class Assignment:
    """What a process of a run is told first."""

    config: dict[str, Any]
    output: Path
    ref: str
    membership: Membership
    threads: int


class _Process:
    """One process of a run, and the connection to it."""

    def __init__(self, assignment: Assignment) -> None:
        here, there = socket.socketpair()
        path = os.pathsep.join(filter(None, (str(paths.ROOT), os.environ.get("PYTHONPATH"))))
        environment = {"PYTHONPATH": path, "OMP_NUM_THREADS": str(assignment.threads)}
        with here, there:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ftcore.runs.process", str(there.fileno())],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=os.environ | environment,
            )
            self.connection = Connection(here.detach())
        self.rank = assignment.membership.rank
        self.send(assignment)

    def send(self, message: object) -> None:
        with suppress(OSError):  # it has ended, which its connection will say
            self.connection.send(message)

    def receive(self) -> object:
        """An event, an error, or None at the end."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            return LostProcess(f"{self._name()} ended unexpectedly ({self._end()}).")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.connection.close()

    def _name(self) -> str:
        return f"Process {self.rank + 1} of this run"

    def _end(self) -> str:
        """How it ended, such as "SIGKILL"."""
        with suppress(subprocess.TimeoutExpired):
            status = self.process.wait(GRACE_SECONDS)
            with suppress(ValueError):
                return signal.Signals(-status).name
            return f"exit status {status}"
        return "no answer"


def train(config: FineTuneConfig, output: Path, ref: str) -> Task[None]:
    """`runs.train.train` on `config.devices` devices, resumed if there is a snapshot. Takes Stop and Pause.

    Raises LostProcess if a process ends, and what is raised in one of them.
    """
    devices.check_count(config.device, config.devices)
    with _started(config, output, ref) as processes:
        first, *others = processes
        while True:
            for process in _that_speak(processes):
                message = process.receive()
                if isinstance(message, Exception):
                    raise _cause(message, processes)
                if message is None:
                    if process is first:
                        return
                    processes.remove(process)
                else:
                    yield from _passed_on(message, first)  # type: ignore[arg-type]
                if isinstance(message, Started):
                    for other in others:
                        other.send(None)  # begin


def _passed_on(event: Event, first: _Process) -> Task[None]:
    try:
        yield event
    except (Stop, Pause) as request:
        # The weights are the same everywhere after a step: where the first stops, all do.
        first.send(type(request))


def _cause(error: Exception, processes: list[_Process]) -> Exception:
    """The error that began it: who waits for a process that has ended knows nothing of it."""
    if type(error) is not LostProcess:
        return error
    causes = []
    for process in _that_speak(processes, GRACE_SECONDS):
        message = process.receive()
        if isinstance(message, Exception):
            causes.append(message)
    known = [cause for cause in causes if type(cause) is not LostProcess]
    return next(iter(known), error)


@contextmanager
def _started(config: FineTuneConfig, output: Path, ref: str) -> Iterator[list[_Process]]:
    """The processes of a run, which are killed at the end: what they computed lies in files and events."""
    threads = devices.threads_of_each(config.devices)
    processes: list[_Process] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for rank in range(config.devices):
                place = Membership(rank, config.devices, Path(folder) / "store")
                processes.append(
                    _Process(Assignment(config.to_dict(), output, ref, place, threads))
                )
            yield list(processes)
        finally:
            for process in processes:
                process.kill()


def _that_speak(processes: list[_Process], timeout: float | None = None) -> list[_Process]:
    """Wait until processes have sent something, or have ended."""
    ready = wait([process.connection for process in processes], timeout)
    return [process for process in processes if process.connection in ready]
