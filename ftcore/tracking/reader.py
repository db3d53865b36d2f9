"""Reads runs and their curves back as records and tables."""

import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

import pandas as pd
from mlflow.entities import Run as MlflowRun, ViewType
from mlflow.exceptions import MlflowException

from ftcore import paths
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Phase
from ftcore.tracking.locks import claimed, lock_file
from ftcore.tracking.store import FORMAT, connect, points, tag, written
from ftcore.validation import printable

STALE_SECONDS = 120  # without a sign of life, a run on another machine counts as interrupted
# What runs did before they had these settings, which is not today's default.
_EARLIER = {"word_dropout": 0.0, "embedding_rate": 1.0, "tail": 0.0}
FRESH_SECONDS = 1.0  # a process that dies does not write it down
_seen: tuple[object, float, pd.DataFrame] | None = None
_reading = threading.Lock()
_WATCHED = re.compile(r"watch/\d+/\d+")


class Broken(UnfreezeError):
    """The record of a run is in disorder; the run can only be deleted."""


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
    phase_seconds: float  # since the phase first began
    metrics: dict[str, float]
    created: datetime
    host: str
    pid: int
    experiment: str = ""  # the id of the paired experiment that it is part of
    experiment_name: str = ""
    place: float = 0.0  # on the queue: lower ones come first
    self_trained: bool = False  # set in records of earlier versions; such a run cannot be resumed

    @property
    def live(self) -> bool:
        """Whether it may still change."""
        return self.status in ("queued", "running")

    @property
    def state(self) -> str:
        """Another one whenever a run that rests is not what it was: it may have gone on meanwhile."""
        return f"{self.status} {self.metrics.get('seconds', 0.0)}"

    @property
    def resumable(self) -> bool:
        """Whether it can go on where it was."""
        return self.status in ("paused", "interrupted")


def runs() -> pd.DataFrame:
    """All runs, newest first, a row each; `unreadable` ones too, with the reason as their message.

    Many look at once, and reading takes a millisecond a run: while nothing is written, what was read in the
    last second is handed out again.
    """
    global _seen
    connect()  # which makes the store where there is none yet
    with _reading:
        asked = (paths.tracking_uri(), written())
        if _seen is None or _seen[0] != asked or time.monotonic() - _seen[1] > FRESH_SECONDS:
            _seen = asked, time.monotonic(), _runs()
        return _seen[2].copy()


def _runs() -> pd.DataFrame:
    client, experiment = connect()
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
    columns = [
        "run_id",
        "name",
        "status",
        "mode",
        "dataset",
        "checkpoint",
        "started",
        "seconds",
        "val_accuracy",
        "test_accuracy",
        "epochs",
        "limit",
        "seed",
        "experiment",
        "experiment_name",
        "message",
    ]
    rows = [_row(one) for one in found if tag("config") in one.data.tags]
    return pd.DataFrame(rows, columns=columns)


def run(run_id: str) -> Run:
    """One run. Raises UnfreezeError where there is none of that id."""
    client, _ = connect()
    try:
        found = client.get_run(run_id)
    except MlflowException:
        found = None
    if (
        found is None
        or found.info.lifecycle_stage != "active"
        or tag("config") not in found.data.tags
    ):
        raise UnfreezeError(
            f"There is no run {printable(run_id)!r}; the list of runs shows those there are."
        )
    return as_run(found)


def several(run_ids: Iterable[str]) -> list[Run]:
    """Those of the runs that are there and can be read; any may be discarded at any moment."""
    found = []
    for run_id in run_ids:
        with contextlib.suppress(UnfreezeError):
            found.append(run(run_id))
    return found


def last_failure() -> str | None:
    """What the run that failed last said. Raises UnfreezeError where the record cannot be read."""
    client, experiment = connect()
    try:
        found = client.search_runs(
            [experiment],
            f"tags.`{tag('status')}` = 'failed'",
            max_results=1,
            order_by=["attributes.end_time DESC"],
        )
    except MlflowException as error:
        raise UnfreezeError(
            "The record of runs cannot be read; see whether the disk, or the tracking server, answers."
        ) from error
    try:
        return as_run(found[0]).message if found else None
    except UnfreezeError as error:  # of that run alone, which must not stand for all
        return str(error)


def history(run_id: str) -> pd.DataFrame:
    """The curves of a run: split, step, epoch, seconds, examples, loss, accuracy, lr; in order of steps."""
    client, _ = connect()
    names = ["loss", "accuracy", "seconds", "epoch", "examples"]
    columns = {"train": [*names, "lr"], "val": names, "test": names}
    wanted = [f"{split}/{name}" for split, some in columns.items() for name in some]
    found = points(client, run_id, wanted)
    parts = []
    for split, some in columns.items():
        part = pd.DataFrame(
            {name: pd.Series(found[f"{split}/{name}"], dtype=float) for name in some}
        )
        part = part.rename_axis("step").sort_index().reset_index()
        parts.append(part.assign(split=split))
    parts = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(parts, ignore_index=True)


def watched(run_id: str) -> pd.DataFrame:
    """Answers to the watched sentences: sentence and label (numbers), step, epoch, seconds, examples,
    probability; in order of sentences, labels and steps."""
    client, _ = connect()
    names = [name for name in client.get_run(run_id).data.metrics if _WATCHED.fullmatch(name)]
    shared = [f"watch/{column}" for column in ("epoch", "seconds", "examples")]
    found = points(client, run_id, [*names, *shared]) if names else {}
    rows = [
        {"sentence": int(sentence), "label": int(label), "step": step, "probability": share}
        | {column.removeprefix("watch/"): found[column].get(step) for column in shared}
        for name in names
        for _, sentence, label in [name.split("/")]
        for step, share in found[name].items()
    ]
    columns = ["sentence", "label", "step", "epoch", "seconds", "examples", "probability"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["sentence", "label", "step"], ignore_index=True)


def readable(found: Iterable[MlflowRun]) -> list[Run]:
    """The runs among those found that can be read; one that cannot must not hide the others."""
    runs = []
    for one in found:
        with contextlib.suppress(UnfreezeError):
            runs.append(as_run(one))
    return runs


def as_run(found: MlflowRun) -> Run:
    """A run of the store in our terms. Raises UnfreezeError for a newer one, `Broken` for one in disorder."""
    tags = {key.removeprefix("unfreeze."): value for key, value in found.data.tags.items()}
    try:
        newer = int(tags.get("format", 0)) > FORMAT
        if not newer:
            return _as_run(found, tags)
    except (ValueError, TypeError, KeyError, AttributeError, UnfreezeError) as error:
        raise Broken(
            f"The record of {_name(found)} cannot be read; delete this run, or open it with the version of "
            f"Unfreeze that wrote it ({tags.get('version', 'unknown')})."
        ) from error
    raise UnfreezeError(
        f"{_name(found)} was written by a newer version of Unfreeze; update to open it."
    )


def _as_run(found: MlflowRun, tags: dict[str, str]) -> Run:
    phase = tags.get("phase", "waiting")
    settings = _EARLIER | json.loads(tags["config"])
    done, total, unit = (tags.get("progress", "0||") + "||").split("|")[:3]
    status, message = _status(found.info.run_id, tags)
    return Run(
        run_id=found.info.run_id,
        name=_name(found),
        status=status,
        message=message,
        config=FineTuneConfig.from_dict(settings),
        facts=json.loads(tags.get("facts", "{}")),
        notes=json.loads(tags.get("notes", "[]")),
        phase=phase if phase in get_args(Phase) else "waiting",  # of another version
        phase_done=float(done or 0),
        phase_total=float(total) if total else None,
        phase_unit=unit,
        phase_seconds=time.time() - float(tags.get("phase_began", time.time())),
        metrics={  # those of its last end are no more true while a resumed run goes on
            name: value
            for name, value in found.data.metrics.items()
            if "/" in name or status not in ("queued", "running")
        },
        created=_created(found),
        host=tags.get("host", ""),
        pid=int(tags.get("pid", 0)),
        experiment=tags.get("experiment", ""),
        experiment_name=tags.get("experiment_name", ""),
        place=float(tags.get("place") or 0),
        self_trained=bool(settings.get("self_training")),
    )


def _name(found: MlflowRun) -> str:
    return found.info.run_name or found.info.run_id


def _created(found: MlflowRun) -> datetime:
    return datetime.fromtimestamp(found.info.start_time / 1000, UTC).astimezone()


def _status(run_id: str, tags: dict[str, str]) -> tuple[str, str]:
    """The state of a run as it is: one whose process is gone is interrupted, whatever it last wrote."""
    status, message = tags.get("status", "failed"), tags.get("message", "")
    if status not in ("queued", "running") or claimed(run_id):
        return status, message
    if status == "queued" and tags.get("place"):  # for whoever works the queue off next
        return status, message
    here = tags.get("host") == socket.gethostname() and lock_file(run_id).exists()
    silent = time.time() - float(tags.get("heartbeat", 0)) > STALE_SECONDS
    if here or silent:
        return "interrupted", "This run broke off; resume it, and it goes on from what was kept."
    return status, message


def _row(found: MlflowRun) -> dict[str, Any]:
    try:
        one = as_run(found)
    except UnfreezeError as error:
        return {
            "run_id": found.info.run_id,
            "name": _name(found),
            "status": "unreadable",
            "mode": "",
            "dataset": "",
            "checkpoint": "",
            "started": _created(found),
            "epochs": 0,
            "limit": 0,
            "seed": 0,
            "experiment": "",
            "experiment_name": "",
            "message": str(error),
        }
    return {
        "run_id": one.run_id,
        "name": one.name,
        "status": one.status,
        "mode": one.config.mode,
        "dataset": one.config.dataset,
        "checkpoint": one.config.checkpoint,
        "started": one.created,
        "seconds": one.metrics.get("seconds"),
        "val_accuracy": one.metrics.get("val_accuracy", one.metrics.get("val/accuracy")),
        "test_accuracy": one.metrics.get("test_accuracy"),
        "epochs": one.config.epochs,
        "limit": one.config.limit,
        "seed": one.config.seed,
        "experiment": one.experiment,
        "experiment_name": one.experiment_name,
        "message": one.message,
    }
