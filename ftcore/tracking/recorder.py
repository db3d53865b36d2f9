"""Writes the record: new runs, their events, names and ends."""

import contextlib
import json
import logging
import os
import platform
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Self

from mlflow.entities import Metric, Param, RunTag

from ftcore import __version__, events, paths, people
from ftcore.config import FineTuneConfig, generated_name
from ftcore.data import datasets
from ftcore.diagnostics.results import ARRAYS, METADATA
from ftcore.errors import UnfreezeError
from ftcore.events import Event, Finished, Point
from ftcore.models import checkpoints
from ftcore.storage import files
from ftcore.tracking import queued_runs, reader
from ftcore.tracking.address import is_server, tracking_uri
from ftcore.tracking.claims import Claim
from ftcore.tracking.failures import RecordUnavailable
from ftcore.tracking.leases import ClaimLost
from ftcore.tracking.store import FORMAT, MLFLOW_STATUS, connect, parts_of_tag, tag
from ftcore.tracking.usual_tags import git_commit, usual_tags

FLUSH_SECONDS = 0.5
MAX_PAUSE = 30.0  # seconds between two attempts while the record cannot be written
END_SECONDS = 30.0  # to wait for a tracking server before the end of a run is given up
HEARTBEAT_SECONDS = 20.0
BATCH = 900  # MLflow takes at most 1,000 values at once
MAX_NAME = 250  # characters
log = logging.getLogger(__name__)


def create_run(
    config: FineTuneConfig,
    experiment: str = "",
    experiment_name: str = "",
    place: float = 0.0,
    person: str = "",
) -> str:
    """Record a new, queued run, optionally as part of an experiment, and return its run id.

    The record names the version of the data that there is now, so labels that are given later change no run.
    A run with a `place` in the queue waits for any process that loads the queue; without one, this process
    executes it. It is asked for by `person`, by default the user of this process. Raises UnfreezeError if the
    record or the folder of runs cannot be written.
    """
    files.check_writable(paths.runs_dir())
    time_of_day = f"{datetime.now():%H:%M:%S}"
    config = replace(config, dataset=datasets.with_version(config.dataset))
    name = config.name or generated_name([config.mode], config.dataset, time_of_day)
    tags = {
        "status": "queued",
        "config": json.dumps(replace(config, name=name).to_dict()),
        "format": str(FORMAT),
        "version": __version__,
        "git_commit": git_commit(),
        "python": platform.python_version(),
        "experiment": experiment,
        "experiment_name": experiment_name,
        "place": f"{place or ''}",
        "person": person or people.of_process(),
    } | _process()
    client, mlflow_experiment = connect()
    tags["sequence"] = f"{reader.last_sequence() + 1:012}"
    params = [Param(key, str(value)) for key, value in config.to_dict().items()]
    prefixed = {tag(key): tags[key] for key in tags} | usual_tags(tags["person"])
    run = client.create_run(mlflow_experiment, tags=prefixed, run_name=name)
    client.log_batch(run.info.run_id, params=params)
    client.update_run(run.info.run_id, status=MLFLOW_STATUS["queued"])
    run_id = str(run.info.run_id)
    if place:
        queued_runs.mark_as_ours(run_id)
    return run_id


class Recorder:
    """Records the events of one run, in a batch about twice a second. A context manager.

    `worker` and `node` say where the run is executed.
    """

    def __init__(
        self, run_id: str, claim: Claim | None = None, worker: str = "local", node: str = ""
    ) -> None:
        self.run_id = run_id
        self._claim = claim
        self._where = {"worker": worker, "node": node or socket.gethostname()}
        self._client, _ = connect()
        self._last_timestamp = reader.last_timestamp(run_id)
        self._metrics: list[Metric] = []
        self._tags: dict[str, str] = {}
        self.failure = ""  # why the events wait in memory; empty if they are recorded
        self._last_flush = 0.0
        self._pause = FLUSH_SECONDS
        self._phase = ""
        self._phase_began: dict[
            str, float
        ] = {}  # `monotonic` when each first began; they may alternate
        self._notes: list[str] = []
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        self._tags |= dict.fromkeys(("message", "place", "phase_progress"), "")
        self._tags |= {"status": "running", "phase": "waiting"} | _process() | self._where
        self._flush(required=True)
        self._client.update_run(self.run_id, status=MLFLOW_STATUS["running"])
        threading.Thread(target=self._send_heartbeats, name="heartbeat", daemon=True).start()
        return self

    def write(self, event: Event) -> None:
        """Record an event, at once if viewers wait for it, else with the next batch."""
        match event:
            case events.Progress():
                if event.phase != self._phase:
                    self._phase = event.phase
                    self._phase_began.setdefault(event.phase, time.monotonic())
                    self._tags["phase"] = event.phase
                progress = {"done": event.done, "total": event.total, "unit": event.unit}
                progress["seconds"] = time.monotonic() - self._phase_began[event.phase]
                self._tags["phase_progress"] = json.dumps(progress)
            case events.Started():
                self._notes = list(event.notes)
                self._tags |= parts_of_tag("facts", json.dumps(event.facts))
                self._tags |= parts_of_tag("notes", json.dumps(self._notes))
            case events.Noted():
                self._notes.append(event.note)
                self._tags |= parts_of_tag("notes", json.dumps(self._notes))
            case events.Resumable():  # a resumed run does not repeat the events before its snapshot
                if not self.failure:
                    self._flush()
                return
            case events.Step() | events.Evaluation() | events.Watched():
                self._metrics += self._to_metrics(event)
            case events.Restored():
                self._metrics += self._missing(event.points)
            case Finished():
                self._finish(event)
                return
        if time.monotonic() - self._last_flush >= self._pause:
            self._flush()

    def __exit__(self, kind: object, *exception: object) -> None:
        self._closed.set()
        if kind is not ClaimLost:  # the record is another process's now
            self._flush()

    def _send_heartbeats(self) -> None:
        """Show other machines, which do not see the claim, that this run is alive."""
        while not self._closed.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(Exception):  # the next one may succeed
                self._client.set_tag(self.run_id, tag("heartbeat"), str(time.time()))

    def _to_metrics(self, point: Point) -> list[Metric]:
        shared = {"seconds": point.seconds, "epoch": point.epoch, "examples": point.examples}
        values: dict[str, float] = {}
        match point:
            case events.Watched():
                split = "watch"
                for sentence, row in enumerate(point.probabilities):
                    values |= {f"{sentence}/{label}": value for label, value in enumerate(row)}
            case events.Evaluation():
                split, values = point.split, {"loss": point.loss, "accuracy": point.accuracy}
                if point.macro_f1 is not None:
                    values["macro_f1"] = point.macro_f1
            case events.Step():
                values = {"loss": point.loss, "accuracy": point.accuracy, "lr": point.lr}
                split = "train"
        now = self._timestamp()
        return [
            Metric(f"{split}/{key}", value, now, point.step)
            for key, value in (values | shared).items()
        ]

    def _missing(self, points: Sequence[Point]) -> list[Metric]:
        """What the record lacks of these points, because it could not be written before a process died."""
        metrics = [metric for point in points for metric in self._to_metrics(point)]
        try:
            recorded = reader.points_by_step(self.run_id, {metric.key for metric in metrics})
        except RecordUnavailable:  # then they are recorded twice; the last one counts
            return metrics
        return [metric for metric in metrics if metric.step not in recorded[metric.key]]

    def _timestamp(self) -> int:
        """Milliseconds since 1970, but never less than for an earlier point of this run.

        Of two values for one step, MLflow takes the one with the later timestamp, and clocks are set back.
        """
        self._last_timestamp = max(int(time.time() * 1000), self._last_timestamp + 1)
        return self._last_timestamp

    def _finish(self, event: Finished) -> None:
        now = self._timestamp()
        self._metrics += [Metric(key, value, now, 0) for key, value in event.metrics.items()]
        self._tags |= {"status": event.status, "message": event.message[:2000], "phase": "done"}
        deadline = time.monotonic() + END_SECONDS
        while True:
            try:
                self._flush(required=True)
                break
            except RecordUnavailable:
                can_wait = is_server(tracking_uri()) and time.monotonic() < deadline
                if event.status in ("paused", "interrupted") or not can_wait:
                    raise
                time.sleep(1.0)
        self._upload()
        try:
            self._client.set_terminated(self.run_id, MLFLOW_STATUS[event.status])
        except UnfreezeError as error:  # the run has ended, whatever MLflow's own viewer shows
            log.warning("run %s: MLflow's status is not recorded: %s", self.run_id, error)

    def _upload(self) -> None:
        """Upload the run's files to a tracking server; beside a database they stay in place."""
        folder = checkpoints.run_path(self.run_id)
        if is_server(tracking_uri()) and folder.exists():
            try:
                self._client.log_artifacts(self.run_id, str(folder), "checkpoint")
                for file in (ARRAYS, METADATA):
                    if (folder.parent / file).exists():
                        self._client.log_artifact(self.run_id, str(folder.parent / file))
            except Exception:  # the run has ended, and its files are safe here
                log.exception("files of %s not uploaded", self.run_id)

    def _flush(self, required: bool = False) -> None:
        """Write the batch. If that fails, keep it for the next time, or raise UnfreezeError if `required`."""
        tags = [RunTag(tag(key), value) for key, value in self._tags.items()]
        try:
            if self.failure and self._claim:  # another process may have gone on meanwhile
                self._claim.check()
            while self._metrics or tags:
                batch = self._metrics[:BATCH]
                self._client.log_batch(self.run_id, metrics=batch, tags=tags)
                del self._metrics[:BATCH]
                self._tags, tags = {}, []
        except ClaimLost:
            raise
        except UnfreezeError as error:  # must not end hours of training
            if not self.failure:
                log.warning("run %s is not recorded yet: %s", self.run_id, error)
            self.failure = str(error)
            # Nothing trains during an attempt, which may take seconds.
            self._pause = min(2 * self._pause, MAX_PAUSE)
            if required:
                raise
        else:
            self.failure, self._pause = "", FLUSH_SECONDS
        finally:
            self._last_flush = time.monotonic()


def finish(run_id: str, event: Finished) -> None:
    """Record the end of a run that is not being executed: it never started, or its process died."""
    Recorder(run_id).write(event)


def rename(run_id: str, name: str) -> None:
    """Rename a run and its checkpoint. Raises UnfreezeError if the name is empty."""
    name = name.strip()[:MAX_NAME]
    if not name:
        raise UnfreezeError("A run needs a name; type one.")
    client, _ = connect()
    client.update_run(run_id, name=name)
    if checkpoints.run_path(run_id).exists():
        checkpoints.update(checkpoints.run_path(run_id), title=name)


def close_interrupted() -> None:
    """Record the end of runs whose process died, and which therefore read as interrupted.

    Those of Ray workers are left to the supervisor, which lets another worker go on with them.
    """
    for status in ("queued", "running"):
        for run in reader.search("status", status):
            if run.status == "interrupted" and not (run.lost and run.worker == "ray"):
                finish(run.run_id, Finished("interrupted", run.message))


def _process() -> dict[str, str]:
    process = {"host": socket.gethostname(), "pid": os.getpid(), "heartbeat": time.time()}
    return {key: str(value) for key, value in process.items()}
