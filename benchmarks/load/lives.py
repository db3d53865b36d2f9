"""A dashboard that is killed or stopped, and started again with the same home."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from ftcore import paths

PATIENCE = 120.0  # seconds for a start
TRACEBACK = "Traceback "


@dataclass(frozen=True)
class Life:
    """One process of the server: how it ended, its age then, its memory (10⁶ bytes), what its log holds."""

    ended: str
    seconds: float
    memory: float
    tracebacks: int
    ending: float  # seconds that a stop took


class Server:
    """The dashboard, as a user starts it, on the same port and with the same home in each of its lives."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._logs = home
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"http://127.0.0.1:{self._port}"
        self.lives: list[Life] = []

    @property
    def log(self) -> Path:
        """What this life says."""
        return self._logs / f"server-{len(self.lives) + 1}.log"

    def start(self) -> None:
        """Be up: it answers, and imports go on."""
        with self.log.open("w") as out:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "streamlit",
                    "run",
                    "app.py",
                    "--server.headless",
                    "true",
                    "--server.port",
                    str(self._port),
                ],
                cwd=paths.ROOT,
                stdout=out,
                stderr=out,
            )
        self._began = time.monotonic()
        while self._process.poll() is None and time.monotonic() < self._began + PATIENCE:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=1).close()
                return
            time.sleep(0.05)
        raise SystemExit(f"The server did not start:\n{self.log.read_text()}")

    def end(self, how: signal.Signals) -> Life:
        """Kill or stop it; the next life can begin then."""
        process = self._process
        assert process is not None
        died = process.poll() is not None
        memory = 0.0 if died else resident(process.pid)
        clock = time.monotonic()
        process.send_signal(how)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log = self.log.read_text(errors="replace")
        name = {signal.SIGKILL: "kill -9", signal.SIGINT: "Ctrl-C"}[how]
        life = Life(
            "by itself" if died else name,
            clock - self._began,
            memory,
            log.count(TRACEBACK),
            time.monotonic() - clock,
        )
        if life.tracebacks:
            print(log[max(0, log.find(TRACEBACK) - 500) :][:4_000], flush=True)
        self.lives.append(life)
        return life

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()


def resident(pid: int) -> float:
    """Memory of a process now, in 10⁶ bytes; 0 where the system does not say."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(one.split()[1]) * 1024 / 1e6 for one in lines if one.startswith("VmRSS")), 0.0)
