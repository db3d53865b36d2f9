"""The dashboard in a process of its own that also trains, and clients that look at it as a browser does."""

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

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from ftcore import settings
from ftcore.config import FineTuneConfig

PATIENCE = 120  # seconds for a start, and for a page
_ANSWER = "run: "


class Dashboard:
    """A server that runs; `submit` has it train, as its own Start button does."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process = process
        self.port = port

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

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
        [sys.executable, "-m", "benchmarks.dashboard", str(port)],
        cwd=settings.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        _wait(process, port)
        yield Dashboard(process, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: "subprocess.Popen[str]", port: int) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The dashboard did not start; see above.")


class Viewer:
    """One open page, over the WebSocket that a browser uses; nothing is drawn."""

    def __init__(self, port: int, page: str, query: str = "") -> None:
        self._socket = connect(
            f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=["streamlit"], max_size=None,
            open_timeout=PATIENCE, ping_timeout=None,
        )  # type: ignore[list-item]  # fmt: skip
        self._page, self._query, self._hash = page, query, ""
        self.ticks: dict[str, float] = {}  # fragment that draws itself again → seconds between
        self.rerun()

    def rerun(self, fragment: str = "") -> float:
        """Run the page, or a fragment of it, again; seconds from the request to the end of the script."""
        if not fragment:
            self.ticks.clear()
        message = BackMsg()
        asked = message.rerun_script
        asked.query_string, asked.page_script_hash = self._query, self._hash
        asked.page_name = "" if self._hash else self._page
        asked.fragment_id, asked.is_auto_rerun = fragment, bool(fragment)
        clock = time.perf_counter()
        self._socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg.FromString(self._socket.recv(timeout=PATIENCE))  # type: ignore[arg-type]
            kind = answer.WhichOneof("type")
            if kind == "navigation":
                self._hash = answer.navigation.page_script_hash
            elif kind == "auto_rerun":
                self.ticks[answer.auto_rerun.fragment_id] = answer.auto_rerun.interval
            elif kind == "script_finished" and answer.script_finished in (
                ForwardMsg.FINISHED_SUCCESSFULLY,
                ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
            ):
                return time.perf_counter() - clock

    def watch(self, over: threading.Event) -> None:
        """Ask for what draws itself again when it is time, as the page's timer does, until it is over."""
        [(fragment, interval)] = list(self.ticks.items())[-1:]
        while not over.wait(interval):
            self.rerun(fragment)

    def close(self) -> None:
        self._socket.close()


def _serve(port: int) -> None:
    """Be the dashboard; each line on stdin is a run to train."""
    threading.Thread(target=_submit_all, daemon=True).start()
    from streamlit.web import cli

    sys.argv = [
        "streamlit", "run", "app.py", "--server.headless", "true", "--server.port", str(port),
    ]  # fmt: skip
    cli.main()


def _submit_all() -> None:
    from ftcore import jobs

    for line in sys.stdin:
        config, experiment = json.loads(line)
        run_id = jobs.submit(FineTuneConfig.from_dict(config), experiment, experiment)
        os.write(1, f"{_ANSWER}{run_id}\n".encode())


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
