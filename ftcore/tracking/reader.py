"""Finds runs in the record."""

import contextlib
import functools
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException

from ftcore.errors import UnfreezeError
from ftcore.tracking.run_record import Run, created_at, from_mlflow, run_name
from ftcore.tracking.store import connect, tag, version
from ftcore.validation import printable

CACHE_SECONDS = 1.0  # a process that dies changes a status without writing to the record
_RUN_COLUMNS = ("run_id", "name", "status", "experiment", "experiment_name", "message")
_CONFIG_COLUMNS = ("mode", "dataset", "checkpoint", "epochs", "limit", "seed")
_OTHER_COLUMNS = ("started", "seconds", "val_accuracy", "test_accuracy", "config")
_COLUMNS = [*_RUN_COLUMNS, *_CONFIG_COLUMNS, *_OTHER_COLUMNS]
_read_lock = threading.Lock()


def runs() -> pd.DataFrame:
    """All runs, newest first, one a row. The status of an unreadable one is "unreadable".

    Reading takes a millisecond a run, so pages share one table a second while nothing is written.
    """
    connect()  # creates the store that `version` examines
    with _read_lock:
        return _runs(version(), int(time.monotonic() / CACHE_SECONDS)).copy()


@functools.lru_cache(maxsize=1)
def _runs(version: object, second: int) -> pd.DataFrame:
    rows = [_row(run) for run in _search_all() if tag("config") in run.data.tags]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _search_all(condition: str = "") -> Iterator[MlflowRun]:
    client, experiment = connect()
    token = None
    while True:
        page = client.search_runs([experiment], condition, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _row(mlflow_run: MlflowRun) -> dict[str, Any]:
    try:
        run = from_mlflow(mlflow_run)
    except UnfreezeError as error:
        return (
            dict.fromkeys(_COLUMNS, "")
            | dict.fromkeys(("epochs", "limit", "seed"), 0)
            | {
                "run_id": mlflow_run.info.run_id,
                "name": run_name(mlflow_run),
                "status": "unreadable",
                "message": str(error),
                **dict.fromkeys(_OTHER_COLUMNS),
                "started": created_at(mlflow_run),
            }
        )
    return {
        **{column: getattr(run, column) for column in _RUN_COLUMNS},
        **{column: getattr(run.config, column) for column in _CONFIG_COLUMNS},
        "started": run.created,
        "seconds": run.metrics.get("seconds"),
        "val_accuracy": run.metrics.get("val_accuracy", run.metrics.get("val/accuracy")),
        "test_accuracy": run.metrics.get("test_accuracy"),
        "config": run.config,
    }


def run(run_id: str) -> Run:
    """The record of a run. Raises UnfreezeError if there is none, or it cannot be read."""
    client, _ = connect()
    with contextlib.suppress(MlflowException):
        mlflow_run = client.get_run(run_id)
        if mlflow_run.info.lifecycle_stage == "active" and tag("config") in mlflow_run.data.tags:
            return from_mlflow(mlflow_run)
    raise UnfreezeError(f"There is no run {printable(run_id)!r}; choose one from the list of runs.")


def find_runs(run_ids: Iterable[str]) -> list[Run]:
    """The runs among `run_ids` that exist and can be read."""
    runs = []
    for run_id in run_ids:
        with contextlib.suppress(UnfreezeError):
            runs.append(run(run_id))
    return runs


def search(condition: str) -> list[Run]:
    """The readable runs for which a condition in MLflow's filter syntax holds."""
    runs = []
    for mlflow_run in _search_all(condition):
        with contextlib.suppress(UnfreezeError):
            runs.append(from_mlflow(mlflow_run))
    return runs


def last_failure() -> str | None:
    """The message of the run that failed last. Raises UnfreezeError if the record cannot be read."""
    client, experiment = connect()
    try:
        failed = client.search_runs(
            [experiment],
            f"tags.`{tag('status')}` = 'failed'",
            max_results=1,
            order_by=["attributes.end_time DESC"],
        )
    except MlflowException as error:
        raise UnfreezeError(
            "The record of runs cannot be read: check the disk or the tracking server."
        ) from error
    try:
        return from_mlflow(failed[0]).message if failed else None
    except UnfreezeError as error:  # only this run is unreadable
        return str(error)
