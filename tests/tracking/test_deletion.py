"""Nothing is deleted that an unfinished run or another checkpoint still needs."""

import json

import pytest
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME

from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints
from ftcore.runs import scheduler
from ftcore.tracking.store import connect, tag
from tests.helpers import small_runs


@pytest.fixture(autouse=True)
def starter(tmp_path, monkeypatch):
    """An imported checkpoint that the runs of these tests start from."""
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", tmp_path / "none")
    return small_runs.checkpoint(paths.checkpoints_dir() / "starter", "starter")


def test_word_vectors_that_others_use_are_kept(starter):
    small_runs.checkpoint(paths.checkpoints_dir() / "child", "child", parent=starter)
    with pytest.raises(UnfreezeError, match="uses its word vectors: Child"):
        tracking.delete_checkpoint("starter")
    tracking.delete_checkpoint("child")
    tracking.delete_checkpoint("starter")
    assert not starter.path.exists()


@pytest.mark.parametrize("status", ["queued", "running", "paused", "interrupted"])
def test_a_checkpoint_is_kept_for_the_unfinished_runs_that_start_from_it(status, starter):
    claim = tracking.claim(small_runs.run(status, saved=False, name="Child"))
    with pytest.raises(UnfreezeError, match=rf"Child \({status}\): finish or stop that first"):
        tracking.delete_checkpoint("starter")
    assert starter.path.exists()
    claim.release()


@pytest.mark.parametrize("status", ["running", "paused", "interrupted"])
def test_the_best_model_of_an_unfinished_run_is_kept(status):
    run_id = small_runs.run(status, name="Mine")
    claim = tracking.claim(run_id)
    with pytest.raises(UnfreezeError, match=rf"Mine \({status}\)"):
        tracking.delete_checkpoint(run_id)
    assert checkpoints.find(run_id)
    claim.release()


def test_a_finished_run_keeps_its_figures_without_its_parent(starter):
    run_id = small_runs.run(saved=False)
    tracking.delete_checkpoint("starter")
    assert tracking.run(run_id).metrics["test_accuracy"] == 0.66


def test_a_run_is_kept_for_those_that_start_from_its_model(starter):
    first = small_runs.run(name="First")
    second = small_runs.run("paused", saved=False, checkpoint=first, name="Second")
    with pytest.raises(UnfreezeError, match=r"Second \(paused\)"):
        tracking.delete(first)
    assert tracking.run(first) and checkpoints.find(first)
    tracking.delete(first, second)
    assert tracking.runs().empty


def test_a_bundled_checkpoint_stays(starter, monkeypatch):
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", starter.path.parent)
    small_runs.run("paused", saved=False)
    with pytest.raises(UnfreezeError, match="came with Unfreeze"):
        tracking.checkpoint_dependents("starter")


def test_a_deleted_run_frees_what_it_took_with_its_logged_models(tmp_path):
    def used():
        return sum(file.stat().st_size for file in paths.runs_dir().rglob("*") if file.is_file())

    run_id, other = small_runs.run(), small_runs.run()
    alone = tracking.disk_use([run_id, other])
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_bytes(bytes(50_000))
    Model().save(folder / MLMODEL_FILE_NAME)
    tracking.log_model(run_id, folder, "1")
    client, experiment = connect()
    tags = {tag("run"): run_id}  # one whose logging was interrupted
    half = client.create_logged_model(experiment, "half", run_id, tags=tags).model_id
    (paths.runs_dir() / "models" / half).mkdir()
    (paths.runs_dir() / "models" / half / "weights").write_bytes(bytes(70_000))
    now = tracking.disk_use([run_id, other])
    assert now[other] == alone[other] and now[run_id] > alone[run_id] + 120_000
    before = used()
    tracking.delete(run_id)
    assert before - used() == now[run_id] and used() == now[other]


def test_the_command_line_removes_a_checkpoint_and_ends_runs_only_if_told(starter, capsys):
    small_runs.checkpoint(paths.checkpoints_dir() / "other", "other")
    paused = small_runs.run("paused", saved=False, name="Paused")
    queued = tracking.create_run(tracking.run(paused).config, place=1.0)
    assert main(["checkpoints", "remove", "starter"]) == 1
    assert "Paused (paused)" in (error := capsys.readouterr().err)
    assert error.endswith("first, or give --end-dependents.\n") and starter.path.exists()
    assert main(["checkpoints", "remove", "starter", "--end-dependents", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": "starter"}
    assert {tracking.run(run_id).status for run_id in (paused, queued)} == {"stopped"}
    assert not starter.path.exists()
    assert main(["checkpoints", "remove", "starter"]) == 1
    assert "no checkpoint 'starter'" in capsys.readouterr().err
    assert main(["checkpoints", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ref"] == "other"


def test_a_run_of_another_process_is_not_ended(starter, monkeypatch):
    monkeypatch.setattr(scheduler, "END_SECONDS", 0.5)
    run_id = small_runs.run("running", saved=False, name="Elsewhere")
    claim = tracking.claim(run_id)
    assert main(["checkpoints", "remove", "starter", "--end-dependents"]) == 1
    assert starter.path.exists() and tracking.run(run_id).status == "running"
    claim.release()
