"""Machines with homes of their own, which share record and storage: a run begins on one, ends on another."""

import os
import shutil
import subprocess
import sys

import pytest

from benchmarks.harness.postgresql import PostgreSQL
from ftcore import __version__, paths, tracking
from ftcore.cli.main import main
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Finished, drain
from ftcore.models import checkpoints
from ftcore.runs import execution, inputs, remote
from ftcore.runs.scheduler import scheduler
from ftcore.storage import shared, shared_runs
from pages.components.forms import task_progress
from tests.helpers import app_pages, dataset_files, own_data, paused_runs, s3_server, small_runs
from tests.helpers.paused_runs import assert_same_outcome
from tests.helpers.waiting import wait_for

SETTINGS = {"dataset": "mine", "checkpoint": "base", "mode": "full", "epochs": 25, "device": "cpu"}
SETTINGS |= {"max_length": 16, "evaluations": 1, "batch_size": 16, "dropout": 0.1, "threads": 1}
BRIEF = SETTINGS | {"epochs": 2}
LABELS = ("negative", "positive")


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Settles this process on a machine; `first` has the data and the checkpoint."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/record.db")
    monkeypatch.setenv("UNFREEZE_STORAGE", (tmp_path / "storage").as_uri())

    def settle(name):
        monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path / name))

    settle("first")
    own_data.add_reviews(tmp_path)
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base", LABELS, "mine")
    return settle


@pytest.fixture(params=["SQLite, a folder", "PostgreSQL, S3"])
def storage(request, lab, monkeypatch):
    """Settings of either record and either storage."""
    if request.param == "SQLite, a folder":
        yield
        return
    with PostgreSQL() as database, s3_server.S3Server() as server:
        settings = {"MLFLOW_TRACKING_URI": database.uri, "UNFREEZE_STORAGE": server.uri}
        for name, value in (settings | s3_server.ENVIRONMENT).items():
            monkeypatch.setenv(name, value)
        yield


def execute(**settings):
    """The id of a run that this process has executed."""
    run_id = tracking.create_run(FineTuneConfig(**settings))
    for _ in execution.execute(run_id):
        pass
    return run_id


def begun_elsewhere_and_killed():
    """The id of a run whose process was killed once its snapshot was stored."""
    run_id = tracking.create_run(FineTuneConfig(**SETTINGS))
    program = f"from ftcore.runs import execution; list(execution.execute({run_id!r}))"
    process = subprocess.Popen([sys.executable, "-c", program], env=os.environ, cwd=paths.ROOT)
    try:
        wait_for(lambda: shared_runs.is_published(run_id) or process.poll() is not None)
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    return run_id


@pytest.mark.slow
def test_a_run_goes_on_where_its_machine_was_lost_and_ends_with_the_same_bits(lab, storage, capsys):
    expected = execute(**SETTINGS)
    run_id = begun_elsewhere_and_killed()
    shutil.rmtree(paths.home())
    lab("second")
    assert main(["resume", run_id]) == 0
    assert tracking.run(run_id).facts["train_texts"]
    lab("third")  # has nothing, and fetches what it shows
    assert_same_outcome(expected, run_id)
    assert main(["predict", "--run", run_id, "a good film"]) == 0
    tracking.delete(expected)
    assert shared.names("runs") == [run_id] and shared.names("data")
    tracking.delete(run_id)
    assert not any(shared.names(folder) for folder in ("runs", "inputs", "users", "data"))


def test_a_node_waits_for_the_data_then_fetches_them(lab):
    run_id = tracking.create_run(FineTuneConfig(**BRIEF), place=1.0)
    run = tracking.run(run_id)
    lab("node")
    node = ("node-1", 1, 0.0, __version__)
    assert "are not in the storage yet" in remote.execute_here(run_id, *node)
    assert tracking.run(run_id).status == "queued"
    lab("first")
    drain(inputs.store(run))
    lab("node")
    assert remote.execute_here(run_id, *node) == ""
    assert tracking.run(run_id).status == "finished"
    lab("dashboard")
    shared_runs.bring_ended()
    assert [each.ref for each in checkpoints.list_checkpoints() if each.kind == "run"] == [run_id]


def test_other_data_of_the_same_name_are_refused_and_kept(lab, tmp_path):
    run = tracking.run(tracking.create_run(FineTuneConfig(**BRIEF)))
    drain(inputs.store(run))
    lab("second")
    (tmp_path / "others").mkdir()
    own = own_data.add_reviews(tmp_path / "others", size=60)
    with pytest.raises(UnfreezeError, match="datasets/mine of this machine is not what the run"):
        drain(inputs.fetch(run))
    assert own.texts.exists()


def test_a_run_goes_on_without_the_storage_and_says_so(lab, monkeypatch):
    monkeypatch.setenv("UNFREEZE_STORAGE", "file:///proc/none")
    run = tracking.run(execute(**BRIEF))
    assert run.status == "finished"
    assert "Its files are on this machine alone: The storage file:///proc/none" in run.message
    assert any("cannot be used" in note and "goes on" in note for note in run.notes)


@pytest.mark.slow
def test_what_could_not_be_stored_is_stored_once_the_storage_is_back(lab, monkeypatch):
    storage = os.environ["UNFREEZE_STORAGE"]
    monkeypatch.setenv("UNFREEZE_STORAGE", "file:///proc/none")
    run_id, resumed = execute(**BRIEF), execute(**BRIEF)
    monkeypatch.setenv("UNFREEZE_STORAGE", storage)
    later = Finished("paused", "It went on elsewhere.", {"seconds": 99.0})
    tracking.finish(resumed, later)
    # By the next run of this machine, unless that one ends before.
    wait_for(lambda: execute(**BRIEF) and "alone" not in tracking.run(run_id).message)
    assert shared_runs.is_published(run_id) and shared_runs.has_inputs(run_id)
    assert not shared_runs.is_published(resumed)
    assert tracking.run(resumed).message == later.message
    lab("second")
    assert checkpoints.find(run_id).ref == run_id


@pytest.mark.slow
def test_dashboards_store_what_was_left_and_fetch_with_progress(lab, monkeypatch):
    shown = []
    monkeypatch.setattr(task_progress, "progress_text", lambda event: shown.append(event) or "")
    storage = os.environ["UNFREEZE_STORAGE"]
    monkeypatch.setenv("UNFREEZE_STORAGE", "file:///proc/none")
    run_id = paused_runs.paused(FineTuneConfig(**SETTINGS))
    monkeypatch.setenv("UNFREEZE_STORAGE", storage)
    try:
        scheduler.start()
        wait_for(lambda: "alone" not in tracking.run(run_id).message)
        scheduler.shutdown()
        lab("second")
        app = app_pages.open_page("train", run=run_id)
        assert shown.pop().phase == "downloading"
        app_pages.press(app, "Resume")
        assert shown.pop().phase == "downloading"
        wait_for(lambda: not tracking.run(run_id).live)
        assert tracking.run(run_id).status == "finished"
    finally:
        scheduler.shutdown()


def test_data_given_by_a_path_are_read_where_they_came_to_lie(lab, tmp_path):
    source = dataset_files.csvs(tmp_path / "given", [(f"{1 + n % 4}", "A", "b") for n in range(80)])
    config = FineTuneConfig(dataset="ag_news", source=str(source), mode="majority")
    run = tracking.run(tracking.create_run(config))
    drain(inputs.store(run))
    shutil.rmtree(source)
    lab("second")
    drain(inputs.fetch(run))
    for _ in execution.execute(run.run_id):
        pass
    run = tracking.run(run.run_id)
    assert run.status == "finished" and run.config.source == str(source)
    assert run.facts["data_from"].startswith(str(paths.downloads_dir()))
