"""Models of runs as MLflow's viewer, its server and its registry see them: LoggedModels.

Each is a copy of the exported folder, in `runs/models/<model id>` of our home or on the tracking server.
"""

import hashlib
import shutil
from collections.abc import Iterator
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
    return [model for model in _search(_of(run_id)) if model.status == "READY"]


def folders() -> dict[str, list[Path]]:
    """Folders of logged models in our home, by run id; also those whose logging was interrupted."""
    found: dict[str, list[Path]] = {}
    if _root().is_dir():  # else MLflow need not be asked
        with suppress(UnfreezeError):  # a server of before LoggedModels has none
            for model in _search():
                if run_id := model.tags.get(tag("run")):
                    found.setdefault(run_id, []).append(_root() / model.model_id)
    return found


def delete_models(run_id: str) -> None:
    """Delete the models that were logged with a run, and their files in our home."""
    with suppress(UnfreezeError):  # a server of before LoggedModels has none
        for model in list(_search(_of(run_id))):
            _delete(model.model_id)


def _of(run_id: str) -> str:
    return f"tags.`{tag('run')}` = '{run_id}'"


def _search(condition: str | None = None) -> Iterator[LoggedModel]:
    client, experiment = connect()
    token = None
    while True:
        page = client.search_logged_models([experiment], condition, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _root() -> Path:
    return paths.runs_dir() / "models"


def _delete(model_id: str) -> None:
    client, _ = connect()
    client.delete_logged_model(model_id)
    shutil.rmtree(_root() / model_id, ignore_errors=True)


def _sign(folder: Path, run_id: str, model_id: str) -> None:
    """Write into MLmodel which run and which LoggedModel a folder belongs to."""
    model = Model.load(str(folder / MLMODEL_FILE_NAME))
    model.run_id, model.model_id, model.model_uuid = run_id, model_id, model_id
    model.save(str(folder / MLMODEL_FILE_NAME))
