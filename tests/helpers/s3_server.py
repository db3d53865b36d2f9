"""An S3-compatible server on this machine, moto, with an empty bucket."""

import os
import signal
import subprocess
import sys
from importlib.util import find_spec

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from benchmarks.harness.ports import free_port
from tests.helpers.waiting import PATIENCE

BUCKET = "lab"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "something",
    "AWS_EC2_METADATA_DISABLED": "true",  # or the AWS library asks for a role
}
_PROGRAM = "from moto.server import main; main()"


class S3Server:
    """Ends with its context; `uri` is what UNFREEZE_STORAGE names."""

    def __init__(self) -> None:
        assert find_spec("moto"), "no moto: install requirements-dev.lock"
        self.port = free_port()
        self.uri = (
            f"s3://{BUCKET}/unfreeze?endpoint_override=127.0.0.1:{self.port}&scheme=http"
            "&region=us-east-1"
        )

    def __enter__(self) -> "S3Server":
        command = [sys.executable, "-c", _PROGRAM, "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(
            command, env=os.environ | ENVIRONMENT, start_new_session=True, stderr=subprocess.DEVNULL
        )
        retry = Retry(total=300, connect=300, backoff_factor=0.2, backoff_max=1)
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            assert session.put(f"http://127.0.0.1:{self.port}/{BUCKET}", timeout=PATIENCE).ok
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
