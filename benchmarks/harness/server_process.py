"""The dashboard in a process of its own, started as a user starts it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests

from benchmarks.harness.ports import free_port
from ftcore import paths

START_TIMEOUT = 120.0  # seconds
STOP_TIMEOUT = 60.0


def command(port: int, *options: str) -> list[str]:
    """The command line that serves the dashboard on a port, with further options of Streamlit."""
    streamlit = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    return [*streamlit, "--server.port", str(port), *options]


class ServerProcess:
    """A dashboard on a free port; it keeps port and home when it is started again.

    Attributes:
        address: where it answers, without a slash at the end; `port` is its last part.
        process: the current one, or the last.
        log: what the current process writes, in its home; one file a start.

    `open_files`: the hard limit of open files, by default that of the caller.
    """

    process: "subprocess.Popen[bytes]"
    log: Path

    def __init__(self, home: Path, *options: str, open_files: int = 0, **environment: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._home = home
        self._command = command(self.port, *options)
        if open_files:
            self._command = ["sh", "-c", f'ulimit -n {open_files}; exec "$@"', "sh", *self._command]
        self._environment = os.environ | {"UNFREEZE_HOME": str(home)} | environment
        self._starts = 0

    def start(self) -> None:
        """Start it and wait until it answers. Raises RuntimeError, with its log, if it does not."""
        self._starts += 1
        self._home.mkdir(parents=True, exist_ok=True)
        self.log = self._home / f"server-{self.port}-{self._starts}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self._command, cwd=paths.ROOT, env=self._environment, stdout=log, stderr=log
            )
        end = time.monotonic() + START_TIMEOUT
        while self.process.poll() is None and time.monotonic() < end:
            if self._answers():
                return
            time.sleep(0.05)
        self.stop(signal.SIGKILL)
        raise RuntimeError(f"The server did not start:\n{self.log.read_text()}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it with a signal and wait; kill it if it takes more than STOP_TIMEOUT."""
        self.process.send_signal(how)
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> "ServerProcess":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:  # a status of 401 is an answer, too: it wants a sign-in
            return requests.get(f"{self.address}/_stcore/health", timeout=1).status_code > 0
        except requests.RequestException:
            return False
