"""The record of runs, kept by MLflow. Only this module knows of it.

A run's config, facts and state are tags, its curves are metrics by step, its checkpoint lies among its
artifacts. Everything that a page shows of a run is read back from here, so any process sees the same.
"""

import functools
import json
import logging
import os
import platform
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when mlflow is imported
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # stdout is for JSON lines

import pandas as pd
from mlflow.entities import Metric, Param, Run as MlflowRun, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ftcore import __version__, checkpoints, settings
from ftcore.config import FineTuneConfig, mode_title
from ftcore.errors import UnfreezeError
from ftcore.events import Evaluation, Event, Finished, Progress, Started, Step, Watched

EXPERIMENT = "unfreeze"
FLUSH_SECONDS = 0.5
BATCH = 900  # MLflow takes at most 1,000 values at once
STALE_SECONDS = 120  # without a sign of life, a run on another machine counts as interrupted
_MLFLOW_STATUS = {
    "queued": "SCHEDULED", "running": "RUNNING", "finished": "FINISHED",
    "stopped": "KILLED", "failed": "FAILED", "interrupted": "FAILED",
}  # fmt: skip
_lock = threading.Lock()
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """What the record says of a run."""

    run_id: str
    name: str
    status: str
    message: str
    config: FineTuneConfig
    facts: dict[str, Any]
    notes: list[str]
    phase: str
    phase_done: float
    phase_total: float | None
    phase_unit: str
    phase_seconds: float  # since the phase began
    metrics: dict[str, float]
    created: datetime
    host: str
    pid: int

    @property
    def live(self) -> bool:
        """Whether it may still change."""
        return self.status in ("queued", "running")


def create_run(config: FineTuneConfig) -> str:
    """A new, queued run for a config; returns its id."""
    name = (
        config.name or f"{mode_title(config.mode)} · {config.dataset} · {datetime.now():%H:%M:%S}"
    )
    tags = {
        "status": "queued", "config": json.dumps(replace(config, name=name).to_dict()),
        "host": socket.gethostname(), "pid": str(os.getpid()), "heartbeat": str(time.time()),
        "version": __version__, "git_commit": _git_commit(), "python": platform.python_version(),
    }  # fmt: skip
    client, experiment = _client()
    run = client.create_run(experiment, tags={_tag(k): v for k, v in tags.items()}, run_name=name)
    params = [Param(key, str(value)) for key, value in config.to_dict().items()]
    client.log_batch(run.info.run_id, params=params)
    client.update_run(run.info.run_id, status=_MLFLOW_STATUS["queued"])
    return str(run.info.run_id)


class Recorder:
    """Writes the events of one run, in one batch about twice a second."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._client, _ = _client()
        self._metrics: list[Metric] = []
        self._tags: dict[str, str] = {}
        self._flushed = 0.0
        self._phase = ""

    def __enter__(self) -> Self:
        self._tags |= {"status": "running", "host": socket.gethostname(), "pid": str(os.getpid())}
        self._flush(must=True)
        self._client.update_run(self.run_id, status=_MLFLOW_STATUS["running"])
        return self

    def write(self, event: Event) -> None:
        """Take one event; what a viewer waits for is written at once."""
        match event:
            case Progress():
                if event.phase != self._phase:
                    self._phase = event.phase
                    self._tags |= {"phase": event.phase, "phase_began": str(time.time())}
                total = "" if event.total is None else f"{event.total:g}"
                self._tags["progress"] = f"{event.done:g}|{total}|{event.unit}"
            case Started():
                self._tags |= {"facts": json.dumps(event.facts), "notes": json.dumps(event.notes)}
            case Step():
                self._point("train", event, accuracy=event.accuracy, loss=event.loss, lr=event.lr)
            case Evaluation():
                self._point(event.split, event, accuracy=event.accuracy, loss=event.loss)
            case Watched():
                self._point(
                    "watch", event,
                    **{
                        f"{sentence}/{label}": share
                        for sentence, shares in enumerate(event.probabilities)
                        for label, share in enumerate(shares)
                    },
                )  # fmt: skip
            case Finished():
                self._finish(event)
                return
        if time.monotonic() - self._flushed >= FLUSH_SECONDS:
            self._flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flush()

    def _point(self, split: str, event: Step | Evaluation | Watched, **values: float) -> None:
        now = int(time.time() * 1000)
        values |= {"seconds": event.seconds, "epoch": event.epoch, "examples": event.examples}
        self._metrics += [
            Metric(f"{split}/{key}", value, now, event.step) for key, value in values.items()
        ]

    def _finish(self, event: Finished) -> None:
        now = int(time.time() * 1000)
        self._metrics += [Metric(key, value, now, 0) for key, value in event.metrics.items()]
        self._tags |= {"status": event.status, "message": event.message[:2000], "phase": "done"}
        self._flush(must=True)
        self._upload()
        self._client.set_terminated(self.run_id, _MLFLOW_STATUS[event.status])

    def _upload(self) -> None:
        """On a tracking server, the checkpoint travels there; a local store already holds it."""
        folder = checkpoints.run_path(self.run_id)
        if _on_a_server(settings.tracking_uri()) and folder.exists():
            try:
                self._client.log_artifacts(self.run_id, str(folder), "checkpoint")
            except Exception:  # the run is done and safe here; a server's trouble must not undo it
                log.exception("checkpoint of %s not uploaded", self.run_id)

    def _flush(self, must: bool = False) -> None:
        """Write what has gathered. Where that fails, keep it for the next time, unless it `must` be."""
        tags = [
            RunTag(_tag(key), value)
            for key, value in (self._tags | {"heartbeat": str(time.time())}).items()
        ]
        self._flushed = time.monotonic()
        try:
            while self._metrics or tags:
                batch = self._metrics[:BATCH]
                self._client.log_batch(self.run_id, metrics=batch, tags=tags)
                del self._metrics[:BATCH]
                self._tags, tags = {}, []
        except Exception as error:  # a locked database must not end hours of training
            log.warning("run %s: not recorded yet (%s)", self.run_id, type(error).__name__)
            if must:
                raise UnfreezeError(
                    "The record of runs cannot be written; free some space on the disk, or see "
                    "whether the tracking server answers."
                ) from error


def runs() -> pd.DataFrame:
    """All runs, newest first, a row each."""
    client, experiment = _client()
    found: list[MlflowRun] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment], run_view_type=ViewType.ACTIVE_ONLY, page_token=token
        )
        found += page
        token = page.token
        if not token:
            break
    columns = ["run_id", "name", "status", "mode", "dataset", "checkpoint", "started", "seconds",
               "val_accuracy", "test_accuracy", "epochs", "limit", "seed", "message"]  # fmt: skip
    return pd.DataFrame([_row(_as_run(one)) for one in found], columns=columns)


def run(run_id: str) -> Run:
    """One run. Raises UnfreezeError where there is none of that id."""
    client, _ = _client()
    try:
        found = client.get_run(run_id)
    except MlflowException:
        found = None
    if (
        found is None
        or found.info.lifecycle_stage != "active"
        or _tag("config") not in found.data.tags
    ):
        raise UnfreezeError(f"There is no run {run_id!r}; the list of runs shows those there are.")
    return _as_run(found)


def history(run_id: str) -> pd.DataFrame:
    """The curves of a run: split, step, epoch, seconds, examples, loss, accuracy, lr; in order of steps."""
    client, _ = _client()
    parts = []
    for split in ("train", "val", "test"):
        columns = {}
        names = ["loss", "accuracy", "seconds", "epoch", "examples"] + ["lr"] * (split == "train")
        for name in names:
            points = client.get_metric_history(run_id, f"{split}/{name}")
            columns[name] = pd.Series({point.step: point.value for point in points}, dtype=float)
        part = pd.DataFrame(columns).rename_axis("step").sort_index().reset_index()
        parts.append(part.assign(split=split))
    parts = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(parts, ignore_index=True)


def rename(run_id: str, name: str) -> None:
    """Give a run another name."""
    if not name.strip():
        raise UnfreezeError("A run needs a name; type one.")
    title = name.strip()[:250]
    client, _ = _client()
    client.update_run(run_id, name=title)
    if checkpoints.run_path(run_id).exists():
        checkpoints.update(checkpoints.run_path(run_id), title=title)


def delete(run_id: str) -> None:
    """Remove a run and its checkpoint for good. Raises UnfreezeError where it lives or is needed."""
    if run(run_id).live:
        raise UnfreezeError("This run is not over; stop it first.")
    if needing := checkpoints.dependents(run_id):
        names = ", ".join(other.title for other in needing)
        raise UnfreezeError(f"Delete first what uses its word vectors: {names}.")
    client, _ = _client()
    client.delete_run(run_id)
    shutil.rmtree(settings.runs_dir() / run_id, ignore_errors=True)


def disk_use(run_id: str) -> int:
    """Bytes that a run's files take here."""
    folder = settings.runs_dir() / run_id
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def finish(run_id: str, event: Finished) -> None:
    """Close a run from outside its task: one that never began, or whose process is gone."""
    Recorder(run_id).write(event)


def close_interrupted() -> None:
    """Write down which runs ended without a word; they already read as interrupted."""
    client, experiment = _client()
    for status in ("SCHEDULED", "RUNNING"):  # MLflow's filter knows no IN and no OR
        for found in client.search_runs([experiment], f"attributes.status = '{status}'"):
            seen = _as_run(found)
            if seen.status == "interrupted":
                finish(seen.run_id, Finished("interrupted", seen.message))


def _client() -> tuple[MlflowClient, str]:
    uri = settings.tracking_uri()
    with _lock:  # two first visitors at once must not create the store twice
        return _connect(uri)


@functools.lru_cache(maxsize=4)
def _connect(uri: str) -> tuple[MlflowClient, str]:
    # Its errors reach us as exceptions; it would print them, with their traceback, as well.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings.home().mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        client = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is not None:
            return client, str(experiment.experiment_id)
        root = None if _on_a_server(uri) else settings.runs_dir().as_uri()
        return client, str(client.create_experiment(EXPERIMENT, artifact_location=root))
    except Exception as error:
        where = "MLFLOW_TRACKING_URI" if "MLFLOW_TRACKING_URI" in os.environ else settings.home()
        raise UnfreezeError(
            f"The record of runs cannot be opened ({type(error).__name__}); check the disk and {where}."
        ) from error


def _on_a_server(uri: str) -> bool:
    """Whether artifacts travel; beside a database that we open ourselves they lie in our home."""
    return uri.startswith(("http://", "https://"))


def _tag(name: str) -> str:
    return f"unfreeze.{name}"


def _as_run(found: MlflowRun) -> Run:
    tags = {key.removeprefix("unfreeze."): value for key, value in found.data.tags.items()}
    done, total, unit = (tags.get("progress", "0||") + "||").split("|")[:3]
    status, message = _status(tags)
    return Run(
        run_id=found.info.run_id,
        name=found.info.run_name or found.info.run_id,
        status=status,
        message=message,
        config=FineTuneConfig.from_dict(json.loads(tags["config"])),
        facts=json.loads(tags.get("facts", "{}")),
        notes=json.loads(tags.get("notes", "[]")),
        phase=tags.get("phase", "waiting"),
        phase_done=float(done or 0),
        phase_total=float(total) if total else None,
        phase_unit=unit,
        phase_seconds=time.time() - float(tags.get("phase_began", time.time())),
        metrics=dict(found.data.metrics),
        created=datetime.fromtimestamp(found.info.start_time / 1000, UTC).astimezone(),
        host=tags.get("host", ""),
        pid=int(tags.get("pid", 0)),
    )


def _status(tags: dict[str, str]) -> tuple[str, str]:
    """The state of a run as it is: one whose process is gone is interrupted, whatever it last wrote."""
    status, message = tags.get("status", "failed"), tags.get("message", "")
    if status not in ("queued", "running"):
        return status, message
    here = tags.get("host") == socket.gethostname()
    silent = time.time() - float(tags.get("heartbeat", 0)) > STALE_SECONDS
    if (here and not _alive(int(tags.get("pid", 0)))) or (status == "running" and silent):
        return "interrupted", "The program ended while this run was under way."
    return status, message


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _row(one: Run) -> dict[str, Any]:
    return {
        "run_id": one.run_id, "name": one.name, "status": one.status, "mode": one.config.mode,
        "dataset": one.config.dataset, "checkpoint": one.config.checkpoint, "started": one.created,
        "seconds": one.metrics.get("seconds"),
        "val_accuracy": one.metrics.get("val_accuracy", one.metrics.get("val/accuracy")),
        "test_accuracy": one.metrics.get("test_accuracy"), "epochs": one.config.epochs,
        "limit": one.config.limit, "seed": one.config.seed, "message": one.message,
    }  # fmt: skip


@functools.cache
def _git_commit() -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=settings.ROOT,
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
