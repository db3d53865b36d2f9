"""The connection to MLflow's store."""

import functools
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.tracking import migrations
from ftcore.tracking.address import is_home_database, is_server, tracking_uri

EXPERIMENT = "unfreeze"
FORMAT = 1  # of the tags of a run
MLFLOW_STATUS = {"queued": "SCHEDULED", "running": "RUNNING", "finished": "FINISHED"}
MLFLOW_STATUS |= {"stopped": "KILLED", "paused": "KILLED", "failed": "FAILED"}
MLFLOW_STATUS["interrupted"] = "FAILED"
_lock = threading.Lock()


def connect() -> tuple[MlflowClient, str]:
    """MLflow's client, and the id of the MLflow experiment that holds all runs of ours.

    Raises UnfreezeError if the store cannot be opened.
    """
    uri = tracking_uri()
    with _lock:  # or two first visitors would both create the store
        return _open(uri)


@functools.lru_cache(maxsize=4)
def _open(uri: str) -> tuple[MlflowClient, str]:
    # MLflow also prints the errors that it raises, with their traceback.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    paths.restrict_permissions()
    try:
        migrations.prepare(uri)
        client = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is not None:
            return client, str(experiment.experiment_id)
        root = None if is_server(uri) else paths.runs_dir().as_uri()
        return client, str(client.create_experiment(EXPERIMENT, artifact_location=root))
    except UnfreezeError:
        raise
    except Exception as error:
        place = "MLFLOW_TRACKING_URI" if "MLFLOW_TRACKING_URI" in os.environ else paths.home()
        raise UnfreezeError(
            f"The record of runs cannot be opened ({type(error).__name__}); check the disk and {place}."
        ) from error
    finally:
        paths.restrict_permissions()  # also of the file that MLflow has created


@contextmanager
def writing() -> Iterator[None]:
    """Raise UnfreezeError if MLflow cannot write, as on a full disk."""
    try:
        yield
    except (MlflowException, OSError) as error:
        raise UnfreezeError(
            "The record of runs cannot be written; free some space, or check the tracking server."
        ) from error


def version() -> object:
    """Changes whenever the database in our home is written; another value each time for other stores."""
    if not is_home_database():
        return object()
    stat = paths.database_path().stat()
    return paths.database_path(), stat.st_mtime_ns, stat.st_size


def tag(name: str) -> str:
    return f"unfreeze.{name}"
