"""The dashboard in a process of its own that also trains."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from ftcore import paths
from ftcore.config import FineTuneConfig

PATIENCE = 120  # seconds for a start
_ANSWER = "run: "


class Dashboard:
    """A server that runs; `submit` has it train, as its own Start button does."""

    def __init__(self, process: "subprocess.Popen[str]", address: str) -> None:
        self._process = process
        self.address = address

    def submit(self, config: FineTuneConfig, experiment: str) -> str:
        """The id of a new run of an experiment."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps([config.to_dict(), experiment]), file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            if line.startswith(_ANSWER):
                return line.removeprefix(_ANSWER).strip()
        raise SystemExit("The dashboard ended; see above.")


@contextmanager
def serve() -> Iterator[Dashboard]:
    """Start it with the home of this process, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load.dashboard", str(port)],
        cwd=paths.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, address)
        yield Dashboard(process, address)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: "subprocess.Popen[str]", address: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The dashboard did not start; see above.")


def _serve(port: int) -> None:
    """Be the dashboard; each line on stdin is a run to train."""
    from streamlit.web import cli

    threading.Thread(target=_submit_all, daemon=True).start()
    sys.argv = [
        "streamlit",
        "run",
        "app.py",
        "--server.headless",
        "true",
        "--server.port",
        str(port),
    ]
    cli.main()


def _submit_all() -> None:
    from ftcore.runs.scheduler import scheduler

    for line in sys.stdin:
        config, experiment = json.loads(line)
        run_id = scheduler.submit(FineTuneConfig.from_dict(config), experiment, experiment)
        os.write(1, f"{_ANSWER}{run_id}\n".encode())


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
