"""The connection to MLflow's store, opened once an address."""

import functools
import logging
import os
import threading

from mlflow.tracking import MlflowClient

from ftcore import settings
from ftcore.errors import UnfreezeError
from ftcore.tracking import schema

EXPERIMENT = "unfreeze"
FORMAT = 1  # of what a run's tags say; the first runs do not name theirs
MLFLOW_STATUS = {
    "queued": "SCHEDULED", "running": "RUNNING", "finished": "FINISHED",
    "stopped": "KILLED", "paused": "KILLED", "failed": "FAILED", "interrupted": "FAILED",
}  # fmt: skip
_lock = threading.Lock()


def connect() -> tuple[MlflowClient, str]:
    """MLflow's client, and the id of what it calls an experiment: the place of all our runs."""
    uri = settings.tracking_uri()
    with _lock:  # two first visitors at once must not create the store twice
        return _open(uri)


@functools.lru_cache(maxsize=4)
def _open(uri: str) -> tuple[MlflowClient, str]:
    # Its errors reach us as exceptions; it would print them, with their traceback, as well.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    settings.make_private()
    try:
        schema.prepare(uri)
        client = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is not None:
            return client, str(experiment.experiment_id)
        root = None if on_a_server(uri) else settings.runs_dir().as_uri()
        return client, str(client.create_experiment(EXPERIMENT, artifact_location=root))
    except UnfreezeError:
        raise
    except Exception as error:
        where = "MLFLOW_TRACKING_URI" if "MLFLOW_TRACKING_URI" in os.environ else settings.home()
        raise UnfreezeError(
            f"The record of runs cannot be opened ({type(error).__name__}); check the disk and {where}."
        ) from error
    finally:
        settings.make_private()  # the file that MLflow has just made, too


def on_a_server(uri: str) -> bool:
    """Whether artifacts travel; beside a database that we open ourselves they lie in our home."""
    return uri.startswith(("http://", "https://"))


def written() -> object:
    """Something else whenever our own store has been written to; never the same twice for another."""
    try:
        found = settings.store_file().stat()
    except OSError:
        return object()
    ours = settings.tracking_uri() == f"sqlite:///{settings.store_file()}"
    return (found.st_mtime_ns, found.st_size) if ours else object()


def tag(name: str) -> str:
    """A tag's name in the store."""
    return f"unfreeze.{name}"
