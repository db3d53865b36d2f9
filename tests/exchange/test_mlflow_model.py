"""A model in MLflow's form: served, logged with its run, registered, and deleted with it."""

import json

import mlflow
import pytest

from ftcore import paths, tracking
from ftcore.events import Noted, drain
from ftcore.exchange import formats, huggingface
from ftcore.inference import prediction
from ftcore.models import checkpoints
from ftcore.tracking.address import tracking_uri
from ftcore.tracking.usual_tags import git_commit
from tests.helpers import paused_runs, small_encoders, small_runs
from tests.helpers.mlflow_server import ModelServer
from tests.helpers.onnx_graphs import trace_here
from tests.helpers.own_data import add

pytestmark = pytest.mark.slow
TEXTS = ["a good film", "not good it is awful " * 300, "great"]


@pytest.fixture(autouse=True)
def traced_here(monkeypatch):
    trace_here(monkeypatch)


def assert_same_answers(answers, ref):
    for answer, own in zip(answers, prediction.predict(ref, TEXTS), strict=True):
        assert answer["label"] == own.label
        assert answer["probabilities"] == pytest.approx(own.probabilities, abs=1e-5)
        assert answer.get("labels") == (list(own.labels) if own.thresholds else None)


def test_a_folder_is_served_without_unfreeze(tmp_path, monkeypatch):
    folder = drain(formats.export("mlflow", "sentiment", tmp_path / "out"))
    about = mlflow.models.Model.load(str(folder))
    assert about.signature.inputs.to_dict() == [{"type": "string", "required": True}]
    assert about.signature.outputs is not None and about.saved_input_example_info
    required = (folder / "requirements.txt").read_text()
    assert "onnxruntime==" in required and not any(
        name in required for name in ("torch", "tokenizers", "unfreeze")
    )
    assert not list(folder.rglob("__pycache__")) and not list(folder.rglob("*.pkl"))
    assert "mlflow models serve" in (folder / "README.md").read_text()
    monkeypatch.chdir(tmp_path)
    with ModelServer(str(folder)) as server:
        assert_same_answers(server.predict(TEXTS), "sentiment")


def commit():
    """The tag of the commit, in a checkout."""
    return {"mlflow.source.git.commit": found} if (found := git_commit()) else {}


@pytest.fixture
def run_with_several_labels(tmp_path):
    drain(huggingface.import_encoder(str(small_encoders.write_folder(tmp_path / "small-bert"))))
    file = tmp_path / "aspects.jsonl"
    chosen = [[label for bit, label in enumerate("xyz") if n >> bit & 1] for n in range(120)]
    rows = [
        {"text": f"it is {n} {' '.join(names)}", "labels": names} for n, names in enumerate(chosen)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    add(file, "aspects")
    values = {"dataset": "aspects", "checkpoint": "small-bert", "max_length": 32, "epochs": 1}
    return paused_runs.finished(small_runs.config(**values, mode="full", limit=0))


def test_a_runs_model_is_logged_once_registered_and_deleted_with_it(
    tmp_path, monkeypatch, run_with_several_labels
):
    run_id, events = run_with_several_labels, []
    drain(formats.export("mlflow", run_id, tmp_path / "out"), events.append)
    drain(formats.export("mlflow", run_id, tmp_path / "again"))
    [logged] = tracking.logged_models(run_id)
    assert logged.source_run_id == run_id
    run_tags = mlflow.MlflowClient(tracking_uri()).get_run(run_id).data.tags
    for name, value in (("mlflow.user", tracking.run(run_id).person), *commit().items()):
        assert logged.tags[name] == run_tags[name] == value
    assert any(logged.model_id in event.note for event in events if isinstance(event, Noted))
    about = mlflow.models.Model.load(str(tmp_path / "again"))
    assert (about.run_id, about.model_id) == (run_id, logged.model_id)

    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri())
    version = mlflow.register_model(f"models:/{logged.model_id}", "aspects")
    assert version.run_id == run_id
    registered = mlflow.pyfunc.load_model(f"models:/aspects/{version.version}")
    assert_same_answers(registered.predict(TEXTS), run_id)

    kept = paths.runs_dir() / "models" / logged.model_id
    assert kept.is_dir() and checkpoints.find(run_id)
    tracking.delete(run_id)
    assert not kept.exists() and not tracking.logged_models(run_id)
