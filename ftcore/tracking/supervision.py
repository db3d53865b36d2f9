"""What the supervisor of Ray workers says about itself in the record, so that every process can see it."""

import json
import os
import socket
import time
from dataclasses import dataclass

from ftcore.tracking.store import connect, tag

STALE_SECONDS = 30.0
_NAME = tag("supervisor")


@dataclass(frozen=True)
class Supervision:
    """Whether a supervisor is alive, and why it cannot start runs; empty if it can."""

    alive: bool = False
    problem: str = ""


def supervision() -> Supervision:
    """Read the last sign of life. Raises UnfreezeError if the record cannot be read."""
    client, experiment = connect()
    text = client.get_experiment(experiment).tags.get(_NAME)
    if not text:
        return Supervision()
    sign = json.loads(text)
    alive = abs(time.time() - sign["time"]) < STALE_SECONDS
    return Supervision(alive, sign["problem"] if alive else "")


def sign_of_life(problem: str = "") -> None:
    """Record that a supervisor is alive."""
    _write({"time": time.time(), "problem": problem[:1000]})


def sign_off() -> None:
    """Record that the supervisor has ended."""
    _write({"time": 0.0, "problem": ""})


def _write(sign: dict[str, object]) -> None:
    client, experiment = connect()
    process = {"host": socket.gethostname(), "pid": os.getpid()}
    client.set_experiment_tag(experiment, _NAME, json.dumps(sign | process))
