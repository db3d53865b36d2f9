"""The record of one run, converted from MLflow's, and the claim of a process on a run.

A claim is a file lock, which the system releases when the process that holds it dies.
"""

import json
import math
import socket
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from filelock import FileLock, Timeout
from mlflow.entities import Run as MlflowRun

from ftcore import paths
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.events import Phase
from ftcore.tracking.store import FORMAT, whole_tag

CLAIM_SECONDS = 1.0  # longer than `is_claimed` holds a lock
POLL_SECONDS = 0.01
STALE_SECONDS = 120  # a run on another machine without a heartbeat for so long is interrupted
_heartbeats: dict[
    str, tuple[str, float]
] = {}  # the last of each run elsewhere, and when it arrived


class UnreadableRun(UnfreezeError):
    """The record of a run is invalid: the run can only be deleted."""


@dataclass(frozen=True)
class Run:
    """The record of a run."""

    run_id: str
    name: str
    status: str
    message: str
    config: FineTuneConfig
    facts: dict[str, Any]  # see `training.preparation.facts`
    notes: list[str]
    phase: str
    phase_done: float
    phase_total: float | None
    phase_unit: str
    phase_seconds: float  # from the beginning of the phase to this progress
    metrics: dict[str, float]
    created: datetime
    host: str
    pid: int
    experiment: str = ""  # the id of its experiment
    experiment_name: str = ""
    place: float = 0.0  # in the queue: lower places run first
    self_trained: bool = False  # in records of earlier versions; such a run cannot be resumed

    @property
    def live(self) -> bool:
        return self.status in ("queued", "running")

    @property
    def resumable(self) -> bool:
        return self.status in ("paused", "interrupted")

    @property
    def revision(self) -> str:
        """Changes when a paused, interrupted or stopped run is resumed and ends again."""
        return f"{self.status} {self.metrics.get('seconds', 0.0)}"


def from_mlflow(mlflow_run: MlflowRun) -> Run:
    """Convert a run. Raises UnfreezeError if a newer version wrote it, UnreadableRun if it is invalid."""
    tags = {key.removeprefix("unfreeze."): value for key, value in mlflow_run.data.tags.items()}
    name = run_name(mlflow_run)
    try:
        if int(tags.get("format", FORMAT)) <= FORMAT:
            return _from_tags(mlflow_run, tags)
    except (ValueError, TypeError, KeyError, AttributeError, UnfreezeError) as error:
        raise UnreadableRun(
            f"The record of {name} cannot be read; delete this run, or open it with the version of "
            f"Unfreeze that wrote it ({tags.get('version', 'unknown')})."
        ) from error
    raise UnfreezeError(f"{name} was written by a newer version of Unfreeze; update to open it.")


def run_name(mlflow_run: MlflowRun) -> str:
    return mlflow_run.info.run_name or mlflow_run.info.run_id


def created_at(mlflow_run: MlflowRun) -> datetime:
    return datetime.fromtimestamp(mlflow_run.info.start_time / 1000, UTC).astimezone()


def current_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts with a list of labels; earlier versions joined the labels by commas."""
    labels = facts.get("labels")
    return facts | {"labels": labels.split(", ")} if isinstance(labels, str) else facts


def _from_tags(mlflow_run: MlflowRun, tags: dict[str, str]) -> Run:
    settings = json.loads(tags["config"])
    progress = json.loads(tags.get("phase_progress") or "{}")
    total = progress.get("total")
    phase = tags.get("phase", "waiting")
    status, message = _current_status(mlflow_run.info.run_id, tags)
    facts = current_facts(json.loads(whole_tag(tags, "facts", "{}")))
    config = FineTuneConfig.from_record(settings)
    config = replace(config, dataset=datasets.as_recorded(config.dataset))
    if "steps_per_epoch" in facts and (config.budgeted or config.steps):
        config = config.with_steps(facts["steps"], facts["steps_per_epoch"])
    return Run(
        run_id=mlflow_run.info.run_id,
        name=run_name(mlflow_run),
        status=status,
        message=message,
        config=config,
        facts=facts,
        notes=json.loads(whole_tag(tags, "notes", "[]")),
        phase=phase if phase in get_args(Phase) else "waiting",  # of another version
        phase_done=float(progress.get("done", 0)),
        phase_total=None if total is None else float(total),
        phase_unit=str(progress.get("unit", "")),
        phase_seconds=float(progress.get("seconds", 0)),
        metrics={  # without those of its last end while a resumed run goes on
            name: value
            for name, value in mlflow_run.data.metrics.items()
            if "/" in name or status not in ("queued", "running")
        },
        created=created_at(mlflow_run),
        host=tags.get("host", ""),
        pid=int(tags.get("pid", 0)),
        experiment=tags.get("experiment", ""),
        experiment_name=tags.get("experiment_name", ""),
        place=float(tags.get("place") or 0),
        self_trained=bool(settings.get("self_training")),
    )


def _current_status(run_id: str, tags: dict[str, str]) -> tuple[str, str]:
    """Status and message: a live run whose process is gone is interrupted, whatever it last recorded."""
    status, message = tags.get("status", "failed"), tags.get("message", "")
    if status not in ("queued", "running") or is_claimed(run_id):
        return status, message
    if status == "queued" and tags.get("place"):  # waits for the next process that loads the queue
        return status, message
    was_local = tags.get("host") == socket.gethostname() and lock_file(run_id).exists()
    if was_local or _is_silent(run_id, tags.get("heartbeat", "0")):
        return "interrupted", "The process of this run ended; the run can be resumed."
    return status, message


def _is_silent(run_id: str, heartbeat: str) -> bool:
    """Whether another machine has sent no heartbeat for a while: the time that it last recorded.

    Its clock or ours may be wrong, by hours and either way, so a heartbeat that arrives while this process
    looks on counts, whatever time it names.
    """
    known, arrived = _heartbeats.get(run_id, (heartbeat, -math.inf))
    if heartbeat != known:
        arrived = time.monotonic()
    _heartbeats[run_id] = heartbeat, arrived
    silent = time.monotonic() - arrived > STALE_SECONDS
    return silent and abs(time.time() - float(heartbeat)) > STALE_SECONDS


def claim(run_id: str) -> FileLock:
    """Claim a run for this process until `release`. Raises UnfreezeError if another process has it."""
    file = lock_file(run_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file, timeout=CLAIM_SECONDS, thread_local=False)
    try:
        lock.acquire(poll_interval=POLL_SECONDS)
    except Timeout:
        raise UnfreezeError("Another process works on this run: stop it there first.") from None
    return lock


def is_claimed(run_id: str, timeout: float = 0.0) -> bool:
    """Whether a live process of this machine has claimed a run.

    The check holds the lock for an instant. Concurrent callers: one gets a false positive, unless it waits
    up to `timeout` seconds.
    """
    file = lock_file(run_id)
    if not file.exists():
        return False
    lock = FileLock(file, timeout=timeout, thread_local=False)
    try:
        lock.acquire(poll_interval=POLL_SECONDS)
    except Timeout:
        return True
    lock.release()
    return False


def lock_file(run_id: str) -> Path:
    """The file of a run's lock. It is never deleted alone: processes that wait for it would diverge."""
    return paths.runs_dir() / run_id / "lock"
