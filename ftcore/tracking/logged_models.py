"""Models of runs as MLflow's viewer, its server and its registry see them: LoggedModels.

Each is a copy of the exported folder, in `runs/models/<model id>` of our home or on the tracking server.
"""

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path

from mlflow.entities import LoggedModel, LoggedModelOutput
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.tracking import reader
from ftcore.tracking.store import connect, tag
from ftcore.tracking.usual_tags import usual_tags

_NAME = "text-classifier"


def log_model(run_id: str, folder: Path, version: str) -> str:
    """Log a folder of MLflow's as the model of a run, and return its id, which the folder is told too.

    version: what changes with the model's answers. A model that is logged already is not logged again.
    Raises UnfreezeError.
    """
    client, experiment = connect()
    short = hashlib.sha256(version.encode()).hexdigest()[:16]
    for logged in logged_models(run_id):
        if logged.tags.get(tag("version")) == short:
            _sign(folder, run_id, logged.model_id)
            return str(logged.model_id)
    run = reader.run(run_id)
    params = {name: str(value) for name, value in run.config.to_dict().items()}
    tags = usual_tags(run.person) | {tag("run"): run_id, tag("version"): short}
    logged = client.create_logged_model(experiment, _NAME, run_id, tags, params)
    try:
        _sign(folder, run_id, logged.model_id)
        client.log_model_artifacts(logged.model_id, str(folder))
        client.finalize_logged_model(logged.model_id, "READY")
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    except BaseException:
        _delete(logged.model_id)
        raise
    return str(logged.model_id)


def logged_models(run_id: str) -> list[LoggedModel]:
    """The models that were logged with a run."""
    client, experiment = connect()
    found = client.search_logged_models([experiment], f"tags.`{tag('run')}` = '{run_id}'")
    return [model for model in found if model.status == "READY"]


def delete_models(run_id: str) -> None:
    """Delete the models that were logged with a run, and their files in our home."""
    with suppress(UnfreezeError):  # a server of before LoggedModels has none
        for logged in logged_models(run_id):
            _delete(logged.model_id)


def _delete(model_id: str) -> None:
    client, _ = connect()
    client.delete_logged_model(model_id)
    shutil.rmtree(paths.runs_dir() / "models" / model_id, ignore_errors=True)


def _sign(folder: Path, run_id: str, model_id: str) -> None:
    """Write into MLmodel which run and which LoggedModel a folder belongs to."""
    model = Model.load(str(folder / MLMODEL_FILE_NAME))
    model.run_id, model.model_id, model.model_uuid = run_id, model_id, model_id
    model.save(str(folder / MLMODEL_FILE_NAME))
