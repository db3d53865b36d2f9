"""The connection to MLflow's store, opened once an address."""

import functools
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.tracking import migrations

EXPERIMENT = "unfreeze"
FORMAT = 1  # of what a run's tags say; the first runs do not name theirs
MLFLOW_STATUS = {
    "queued": "SCHEDULED",
    "running": "RUNNING",
    "finished": "FINISHED",
    "stopped": "KILLED",
    "paused": "KILLED",
    "failed": "FAILED",
    "interrupted": "FAILED",
}
_lock = threading.Lock()


def connect() -> tuple[MlflowClient, str]:
    """MLflow's client, and the id of what it calls an experiment: the place of all our runs."""
    uri = paths.tracking_uri()
    with _lock:  # two first visitors at once must not create the store twice
        return _open(uri)


@functools.lru_cache(maxsize=4)
def _open(uri: str) -> tuple[MlflowClient, str]:
    # Its errors reach us as exceptions; it would print them, with their traceback, as well.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    paths.restrict_permissions()
    try:
        migrations.prepare(uri)
        client = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is not None:
            return client, str(experiment.experiment_id)
        root = None if on_a_server(uri) else paths.runs_dir().as_uri()
        return client, str(client.create_experiment(EXPERIMENT, artifact_location=root))
    except UnfreezeError:
        raise
    except Exception as error:
        where = "MLFLOW_TRACKING_URI" if "MLFLOW_TRACKING_URI" in os.environ else paths.home()
        raise UnfreezeError(
            f"The record of runs cannot be opened ({type(error).__name__}); check the disk and {where}."
        ) from error
    finally:
        paths.restrict_permissions()  # the file that MLflow has just made, too


@contextmanager
def writing() -> Iterator[None]:
    """Raise UnfreezeError for what MLflow raises where its store takes nothing, as on a full disk."""
    try:
        yield
    except (MlflowException, OSError) as error:
        raise UnfreezeError(
            "The record of runs cannot be written; free some space on the disk, or see whether the "
            "tracking server answers."
        ) from error


def on_a_server(uri: str) -> bool:
    """Whether artifacts travel; beside a database that we open ourselves they lie in our home."""
    return uri.startswith(("http://", "https://"))


def written() -> object:
    """Something else whenever our own store has been written to; never the same twice for another."""
    if not _ours():
        return object()
    found = paths.database_path().stat()
    return found.st_mtime_ns, found.st_size


def points(
    client: MlflowClient, run_id: str, metrics: Sequence[str]
) -> dict[str, dict[int, float | None]]:
    """Values by step, for each of these metrics of a run.

    MLflow takes a question a metric and an object a point, 50 ms for the curves of one run. From our own
    store they come in one, in 3 ms: a live page asks each second, on the cores that train.
    """
    if not _ours():
        return {
            name: {point.step: point.value for point in client.get_metric_history(run_id, name)}
            for name in metrics
        }
    found: dict[str, dict[int, float | None]] = {name: {} for name in metrics}
    with closing(sqlite3.connect(paths.database_path(), timeout=20)) as store:
        for name, step, value in store.execute(
            "SELECT key, step, CASE is_nan WHEN 1 THEN NULL ELSE value END FROM metrics "
            "WHERE run_uuid = ? ORDER BY timestamp",
            (run_id,),
        ):
            if name in found:
                found[name][step] = value
    return found


def _ours() -> bool:
    """Whether the store is the database in our home."""
    return paths.tracking_uri() == f"sqlite:///{paths.database_path()}"


def tag(name: str) -> str:
    """A tag's name in the store."""
    return f"unfreeze.{name}"
