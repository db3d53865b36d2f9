"""A tracking server of MLflow that a test can stop and start again."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry


class MlflowServer:
    """A server with its store in a folder; it stays at `uri` when it is started again.

    `artifacts` is the folder of what is uploaded.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{port}"
        command = f"{sys.executable} -m mlflow server --host 127.0.0.1 --port {port} --workers 1"
        self._command = [
            *command.split(),
            "--backend-store-uri",
            f"sqlite:///{folder / 'server.db'}",
        ]
        self.artifacts = folder / "artifacts"
        self._command += ["--artifacts-destination", str(self.artifacts)]
        self.start()

    def start(self) -> None:
        # Its jobs, which need processes of their own, have nothing to do with the record.
        environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        self._process = subprocess.Popen(self._command, start_new_session=True, env=environment)
        retry = Retry(total=300, connect=300, backoff_factor=0.2, backoff_max=1)
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            assert session.get(f"{self.uri}/health", timeout=300).ok

    def stop(self) -> None:
        """Kill it, if it lives."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)

    def __enter__(self) -> "MlflowServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
