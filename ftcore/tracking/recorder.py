"""Writes a run down: its config when it is made, its events while it goes."""

import contextlib
import functools
import json
import logging
import os
import platform
import socket
import subprocess
import threading
import time
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Self

from mlflow.entities import Metric, Param, RunTag

from ftcore import __version__, paths
from ftcore.config import FineTuneConfig, mode_title
from ftcore.diagnostics.results import ARRAYS, METADATA
from ftcore.errors import UnfreezeError
from ftcore.events import (
    Evaluation,
    Event,
    Finished,
    Noted,
    Progress,
    Resumable,
    Started,
    Step,
    Watched,
)
from ftcore.models import checkpoints
from ftcore.tracking.store import FORMAT, MLFLOW_STATUS, connect, on_a_server, tag, writing

FLUSH_SECONDS = 0.5
HEARTBEAT_SECONDS = 20.0
BATCH = 900  # MLflow takes at most 1,000 values at once
log = logging.getLogger(__name__)


def create_run(
    config: FineTuneConfig, experiment: str = "", experiment_name: str = "", place: float = 0.0
) -> str:
    """A new, queued run for a config, part of an experiment where its id is given; returns the run's id.

    With a `place`, the time at which it lined up, it stays queued for whoever works the queue off.
    """
    name = (
        config.name or f"{mode_title(config.mode)} · {config.dataset} · {datetime.now():%H:%M:%S}"
    )
    tags = {
        "status": "queued",
        "config": json.dumps(replace(config, name=name).to_dict()),
        "host": socket.gethostname(),
        "pid": str(os.getpid()),
        "heartbeat": str(time.time()),
        "format": str(FORMAT),
        "version": __version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "experiment": experiment,
        "experiment_name": experiment_name,
        "place": f"{place or ''}",
    }
    client, all_runs = connect()
    params = [Param(key, str(value)) for key, value in config.to_dict().items()]
    with writing():
        run = client.create_run(all_runs, tags={tag(k): v for k, v in tags.items()}, run_name=name)
        client.log_batch(run.info.run_id, params=params)
        client.update_run(run.info.run_id, status=MLFLOW_STATUS["queued"])
    return str(run.info.run_id)


class Recorder:
    """Writes the events of one run, in one batch about twice a second."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._client, _ = connect()
        self._metrics: list[Metric] = []
        self._tags: dict[str, str] = {}
        self._flushed = 0.0
        self._phase = ""
        self._began: dict[str, float] = {}  # a phase that comes again goes on where it was
        self._notes: list[str] = []
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self._tags |= {
            "status": "running",
            "message": "",
            "place": "",
            "heartbeat": str(time.time()),
            "phase": "waiting",
            "progress": "",
            "host": socket.gethostname(),
            "pid": str(os.getpid()),
        }
        self._flush(must=True)
        with writing():
            self._client.update_run(self.run_id, status=MLFLOW_STATUS["running"])
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        return self

    def write(self, event: Event) -> None:
        """Take one event; what a viewer waits for is written at once."""
        match event:
            case Progress():
                if event.phase != self._phase:
                    self._phase = event.phase
                    began = self._began.setdefault(event.phase, time.time())
                    self._tags |= {"phase": event.phase, "phase_began": str(began)}
                total = "" if event.total is None else f"{event.total:g}"
                self._tags["progress"] = f"{event.done:g}|{total}|{event.unit}"
            case Started():
                self._notes = list(event.notes)
                self._tags |= {"facts": json.dumps(event.facts), "notes": json.dumps(self._notes)}
            case Noted():
                self._notes.append(event.note)
                self._tags["notes"] = json.dumps(self._notes)
            case Resumable():  # what was said before must not be missing where the run goes on
                self._flush()
                return
            case Step():
                self._point("train", event, accuracy=event.accuracy, loss=event.loss, lr=event.lr)
            case Evaluation():
                self._point(event.split, event, accuracy=event.accuracy, loss=event.loss)
            case Watched():
                self._point(
                    "watch",
                    event,
                    **{
                        f"{sentence}/{label}": share
                        for sentence, shares in enumerate(event.probabilities)
                        for label, share in enumerate(shares)
                    },
                )
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
        self._over.set()
        self._flush()

    def _beat(self) -> None:
        """Say on other machines, too, that somebody works on this run."""
        while not self._over.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(Exception):  # the next one will do
                self._client.set_tag(self.run_id, tag("heartbeat"), str(time.time()))

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
        with writing():
            self._client.set_terminated(self.run_id, MLFLOW_STATUS[event.status])

    def _upload(self) -> None:
        """On a tracking server, a run's files travel there; a local store already holds them."""
        folder = checkpoints.run_path(self.run_id)
        if on_a_server(paths.tracking_uri()) and folder.exists():
            try:
                self._client.log_artifacts(self.run_id, str(folder), "checkpoint")
                for file in (ARRAYS, METADATA):
                    if (folder.parent / file).exists():
                        self._client.log_artifact(self.run_id, str(folder.parent / file))
            except Exception:  # the run is done and safe here; a server's trouble must not undo it
                log.exception("files of %s not uploaded", self.run_id)

    def _flush(self, must: bool = False) -> None:
        """Write what has gathered. Where that fails, keep it for the next time, unless it `must` be."""
        tags = [RunTag(tag(key), value) for key, value in self._tags.items()]
        self._flushed = time.monotonic()
        try:
            with writing():
                while self._metrics or tags:
                    batch = self._metrics[:BATCH]
                    self._client.log_batch(self.run_id, metrics=batch, tags=tags)
                    del self._metrics[:BATCH]
                    self._tags, tags = {}, []
        except UnfreezeError:  # a locked database must not end hours of training
            log.warning("run %s: not recorded yet", self.run_id)
            if must:
                raise


def finish(run_id: str, event: Finished) -> None:
    """Close a run from outside its task: one that never began, or whose process is gone."""
    Recorder(run_id).write(event)


@functools.cache
def _git_commit() -> str:
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=paths.ROOT,
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
