"""The connection to MLflow's store."""

import functools
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, cast

from mlflow.tracking import MlflowClient

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.tracking import migrations
from ftcore.tracking.address import is_server, tracking_uri, with_limits
from ftcore.tracking.failures import unavailable, using_record

EXPERIMENT = "unfreeze"
FORMAT = 1  # of the tags of a run
MLFLOW_STATUS = {"queued": "SCHEDULED", "running": "RUNNING", "finished": "FINISHED"}
MLFLOW_STATUS |= {"stopped": "KILLED", "paused": "KILLED", "failed": "FAILED"}
MLFLOW_STATUS["interrupted"] = "FAILED"
LONGEST_TAG = 8_000  # characters; MLflow cuts the rest
_lock = threading.Lock()


class _Client:
    """MLflow's client; what any of its methods raises becomes the error of `using_record`."""

    writes = 0  # calls so far that may have changed a record

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        @functools.wraps(method)
        def call(*arguments: Any, **named: Any) -> Any:
            try:
                with using_record():
                    return method(*arguments, **named)
            finally:
                if not name.startswith(("get_", "search_")):
                    _Client.writes += 1

        return call


def connect() -> tuple[MlflowClient, str]:
    """MLflow's client, and the id of the MLflow experiment that holds all runs of ours.

    Raises UnfreezeError if the store cannot be opened; so does each method of the client that fails.
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
        client = cast(MlflowClient, _Client(MlflowClient(tracking_uri=with_limits(uri))))
        experiment = client.get_experiment_by_name(EXPERIMENT)
        if experiment is not None:
            return client, str(experiment.experiment_id)
        root = None if is_server(uri) else paths.runs_dir().as_uri()
        return client, str(client.create_experiment(EXPERIMENT, artifact_location=root))
    except UnfreezeError:
        raise
    except Exception as error:
        raise unavailable(error) from error
    finally:
        paths.restrict_permissions()  # also of the file that MLflow has created


def writes() -> int:
    """Rises whenever this process writes to a record."""
    return _Client.writes


def tag(name: str) -> str:
    return f"unfreeze.{name}"


def parts_of_tag(name: str, value: str) -> dict[str, str]:
    """A value of any length as tags: it goes on in name.2, name.3 and so on, up to an empty one."""
    parts = [value[start : start + LONGEST_TAG] for start in range(0, len(value), LONGEST_TAG)]
    return {name if n == 1 else f"{name}.{n}": part for n, part in enumerate([*parts, ""], 1)}


def whole_tag(tags: Mapping[str, str], name: str, default: str) -> str:
    """The inverse of `parts_of_tag`; earlier versions wrote one tag."""
    value, number = tags.get(name, default), 2
    while part := tags.get(f"{name}.{number}"):
        value, number = value + part, number + 1
    return value
