"""Servers of MLflow: a tracking server that a test can stop and start again, and one that serves a model."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from benchmarks.harness.ports import free_port
from tests.helpers.waiting import PATIENCE


class _Server:
    """A command of MLflow that listens on this machine; it stays at `uri` when it is started again."""

    def __init__(self, command: str, *options: str, **environment: str) -> None:
        port = free_port()
        self.uri = f"http://127.0.0.1:{port}"
        program = f"{sys.executable} -m mlflow {command} --host 127.0.0.1 --port {port} --workers 1"
        self._command = [*program.split(), *options]
        self._environment = environment
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, start_new_session=True, env=os.environ | self._environment
        )
        retry = Retry(total=300, connect=300, backoff_factor=0.2, backoff_max=1)
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            assert session.get(f"{self.uri}/health", timeout=PATIENCE).ok

    def stop(self) -> None:
        """Kill it, if it lives."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)

    def __enter__(self) -> "_Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class MlflowServer(_Server):
    """A tracking server with its store in a folder; `artifacts` is the folder of what is uploaded."""

    def __init__(self, folder: Path) -> None:
        self.artifacts = folder / "artifacts"
        store = ["--backend-store-uri", f"sqlite:///{folder / 'server.db'}"]
        store += ["--artifacts-destination", str(self.artifacts)]
        # Its jobs, which need processes of their own, have nothing to do with the record.
        super().__init__("server", *store, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")


class ModelServer(_Server):
    """A model in this environment, where nothing of Unfreeze can be imported."""

    def __init__(self, model: str, **environment: str) -> None:
        options = ["--model-uri", model, "--env-manager", "local"]
        # It calls uvicorn by its name, as in an environment that is activated.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        super().__init__("models serve", *options, PYTHONPATH="", PATH=path, **environment)

    def predict(self, texts: list[str]) -> list[dict[str, object]]:
        answer = requests.post(f"{self.uri}/invocations", json={"inputs": texts}, timeout=PATIENCE)
        assert answer.ok, answer.text
        predictions: list[dict[str, object]] = answer.json()["predictions"]
        return predictions
