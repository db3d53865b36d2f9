"""Recording and reading runs, in a real MLflow store."""

import math
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time

import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from benchmarks.harness.postgresql import PostgreSQL
from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Evaluation, Finished, Progress, Resumable, Started, Step, Watched
from ftcore.models import checkpoints
from ftcore.tracking import queued_runs, reader, recorder
from ftcore.tracking.store import connect
from tests.helpers import disk_limit, small_runs
from tests.helpers.waiting import wait_for


def mlflow_client() -> MlflowClient:
    return connect()[0]


def test_recorded_run_is_read_back():
    config = FineTuneConfig(mode="last-layer", name="Mine")
    run_id = tracking.create_run(config, "abc", "My experiment")
    assert tracking.run(run_id).status == "queued"
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Progress("reading", 10, None, "texts"))
        recorder.write(Started({"train_texts": 64, "trains": "all"}, ("A note.",)))
        recorder.write(Evaluation("val", 0, 0.0, 0.0, 0, 0.7, 0.5))
        recorder.write(Step(2, 1.0, 0.5, 64, 0.6, 0.75, 0.01))
        recorder.write(Evaluation("val", 2, 1.0, 0.5, 64, 0.4, 0.9))
        recorder.write(Finished("finished", "Done.", {"val_accuracy": 0.9, "seconds": 3.0}))
    run = tracking.run(run_id)
    assert (run.name, run.status, run.message, run.live) == ("Mine", "finished", "Done.", False)
    assert (run.config, run.experiment, run.experiment_name) == (config, "abc", "My experiment")
    assert (run.facts["train_texts"], run.notes) == (64, ["A note."])
    assert run.metrics["val_accuracy"] == 0.9
    history = tracking.history(run_id)
    assert history["split"].tolist() == ["train", "val", "val"]
    point = history[history["split"] == "train"].iloc[0]
    assert (point["step"], point["loss"], point["lr"], point["examples"]) == (2, 0.6, 0.01, 64)
    assert history[history["split"] == "val"]["accuracy"].tolist() == [0.5, 0.9]
    row = tracking.runs().iloc[0]
    assert (row["run_id"], row["mode"], row["val_accuracy"]) == (run_id, "last-layer", 0.9)


def test_watched_sentences_are_read_back_by_sentence_and_label():
    run_id = tracking.create_run(FineTuneConfig())
    assert tracking.watched(run_id).empty and tracking.history(run_id).empty
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Watched(0, 0.0, 0.0, 0, ((0.5, 0.5), (0.25, 0.75))))
        recorder.write(Watched(4, 0.5, 2.0, 128, ((0.0, 1.0), (0.75, 0.25))))
    table = tracking.watched(run_id)
    assert table["sentence"].tolist() == [0] * 4 + [1] * 4
    last = table[(table["sentence"] == 1) & (table["label"] == 0)].iloc[-1]
    expected = {"step": 4, "seconds": 2.0, "examples": 128, "probability": 0.75}
    assert {column: last[column] for column in expected} == expected


def test_phase_and_progress_are_visible_while_a_run_is_recorded():
    run_id = tracking.create_run(FineTuneConfig())
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Progress("encoding", 0, 100, "texts"))
        recorder.write(Progress("encoding", 40, 100, "texts"))
        recorder.write(Resumable(1))  # writes the batch
        run = tracking.run(run_id)
        assert (run.status, run.phase) == ("running", "encoding")
        assert (run.phase_done, run.phase_total, run.phase_unit) == (40, 100, "texts")
        with pytest.raises(UnfreezeError, match="stop it first"):
            tracking.delete(run_id)


@pytest.mark.slow
def test_run_whose_process_died_is_interrupted():
    code = (
        "from ftcore import tracking; from ftcore.config import FineTuneConfig; import os;"
        "run_id = tracking.create_run(FineTuneConfig()); claim = tracking.claim(run_id);"
        "tracking.Recorder(run_id).__enter__(); print(run_id, flush=True); os._exit(9)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=paths.ROOT
    )
    run_id = process.stdout.strip()
    assert tracking.run(run_id).status == "interrupted"
    tracking.close_interrupted()
    assert mlflow_client().get_run(run_id).info.status == "FAILED"
    assert tracking.run(run_id).status == "interrupted"


def test_run_is_running_while_its_process_is_alive_or_sends_heartbeats_from_another_machine(
    monkeypatch,
):
    client, claimed = mlflow_client(), tracking.create_run(FineTuneConfig())
    claim = tracking.claim(claimed)
    with tracking.Recorder(claimed):
        client.set_tag(claimed, "unfreeze.heartbeat", "0")
        tracking.close_interrupted()
        run = tracking.run(claimed)
        assert (run.status, run.host, run.pid) == ("running", socket.gethostname(), os.getpid())
    claim.release()

    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 0.01)
    run_id = tracking.create_run(FineTuneConfig())
    with tracking.Recorder(run_id):
        client.set_tag(run_id, "unfreeze.host", "elsewhere")
        client.set_tag(run_id, "unfreeze.heartbeat", "0")
        wait_for(lambda: tracking.run(run_id).status == "running")
    silent = tracking.create_run(FineTuneConfig())
    client.set_tag(silent, "unfreeze.host", "elsewhere")
    client.set_tag(silent, "unfreeze.heartbeat", str(time.time() - 200))
    assert tracking.run(silent).status == "interrupted"


def test_rename_and_delete():
    small_runs.checkpoint(paths.checkpoints_dir() / "starter", "starter")
    run_id = small_runs.run("finished")
    assert len(tracking.runs()) == 1
    tracking.rename(run_id, "  Better name ")
    assert tracking.run(run_id).name == checkpoints.find(run_id).title == "Better name"
    table = tracking.runs()
    table.loc[0, "name"] = "Changed"  # each caller gets a copy
    assert tracking.runs()["name"].tolist() == ["Better name"]
    with pytest.raises(UnfreezeError, match="name"):
        tracking.rename(run_id, " ")
    tracking.delete(run_id)
    assert not checkpoints.run_path(run_id).exists()
    assert run_id not in tracking.runs()["run_id"].tolist()
    with pytest.raises(UnfreezeError, match="no run"):
        tracking.run(run_id)


@pytest.mark.parametrize("run_id", ["nothing", "0" * 32, "../x", ""])
def test_unknown_run_id_is_an_error(run_id):
    with pytest.raises(UnfreezeError, match="no run"):
        tracking.run(run_id)


def test_store_that_cannot_be_opened_is_an_error(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/nowhere/mlflow.db")
    with pytest.raises(UnfreezeError, match="MLFLOW_TRACKING_URI"):
        tracking.runs()


@pytest.mark.parametrize("shared", [False, True], ids=["our database", "shared database"])
def test_mlflow_shows_params_and_the_checkpoint_in_our_home(shared, tmp_path, monkeypatch):
    if shared:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'shared.db'}")
    run_id = tracking.create_run(FineTuneConfig(epochs=7))
    run = mlflow_client().get_run(run_id)
    assert run.data.params["epochs"] == "7"
    assert run.info.artifact_uri == checkpoints.run_path(run_id).parent.as_uri()


def test_curves_from_our_database_equal_those_from_mlflow(monkeypatch):
    """Also for a step recorded twice, as by a resumed run, and a loss that is not a number."""
    run_id = small_runs.run(watch="good film.")
    with tracking.Recorder(run_id) as resumed:
        resumed.write(Step(4, 0.5, 3.0, 128, 0.55, 0.8, 0.002))
        resumed.write(Step(6, 0.8, 4.0, 256, math.nan, 0.8, 0.002))
        resumed.write(Watched(4, 0.5, 3.0, 128, ((0.25, 0.75),)))
    history, watched = tracking.history(run_id), tracking.watched(run_id)
    assert history["loss"].tolist().count(0.55) == 1
    assert len(watched) == 2
    monkeypatch.setattr(reader, "is_database", lambda: False)
    pd.testing.assert_frame_equal(history, tracking.history(run_id), check_exact=True)
    pd.testing.assert_frame_equal(watched, tracking.watched(run_id), check_exact=True)


def test_full_disk_is_an_error_and_changes_nothing():
    run_id = small_runs.run(saved=False, name="Mine")
    actions = [
        lambda: tracking.create_run(FineTuneConfig()),
        lambda: tracking.rename(run_id, "Another name"),
        lambda: tracking.enqueue(run_id, 1.0),
        lambda: tracking.finish(run_id, Finished("stopped", "Over.")),
        lambda: tracking.delete(run_id),
    ]
    for action in actions:
        with disk_limit.limit_file_size(1), pytest.raises(UnfreezeError, match="free some space"):
            action()
    assert list(tracking.runs()["name"]) == ["Mine"]
    assert tracking.run(run_id).status == "finished"


def test_waiting_includes_a_run_whose_claim_another_process_just_checks(monkeypatch):
    monkeypatch.setattr(queued_runs, "PROBE_SECONDS", 20.0)
    run_id = tracking.create_run(FineTuneConfig(), place=1.0)
    check = tracking.claim(run_id)
    threading.Timer(0.3, check.release).start()
    assert [run.run_id for run in tracking.waiting()] == [run_id]


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.slow)])
def database(request, monkeypatch):
    """The record's database."""
    if request.param == "SQLite":
        yield
        return
    with PostgreSQL() as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        yield


def test_runs_from_a_database_equal_those_from_mlflow(database, monkeypatch):
    small_runs.run(name='Ended: "quoted", 10% ü\n')
    small_runs.run("failed", saved=False, name="Failed")
    tracking.create_run(FineTuneConfig(name="Waits"), place=3.0, person="Ada")
    assert [run.name for run in reader.search("status", "failed")] == ["Failed"]
    of_database = tracking.runs(), tracking.waiting(), reader.last_sequence()
    monkeypatch.setattr(reader, "is_database", lambda: False)
    reader._runs.cache_clear()
    pd.testing.assert_frame_equal(of_database[0], tracking.runs(), check_exact=True)
    assert of_database[1:] == (tracking.waiting(), reader.last_sequence())
    assert [run.name for run in tracking.waiting()] == ["Waits"]


def test_rows_of_ended_runs_follow_their_records(monkeypatch):
    monkeypatch.setattr(reader, "CACHE_SECONDS", 1e-9)
    renamed, resumed, _ = (small_runs.run(name=name) for name in "abc")
    tracking.runs()
    read, from_record = [], reader.from_record
    monkeypatch.setattr(
        reader, "from_record", lambda record: read.append(record.run_id) or from_record(record)
    )
    with sqlite3.connect(paths.database_path()) as other_process:
        other_process.execute("UPDATE runs SET name = 'd' WHERE run_uuid = ?", [renamed])
        query = (
            "UPDATE latest_metrics SET value = 0.125 WHERE key = 'test_accuracy' AND run_uuid = ?"
        )
        other_process.execute(query, [resumed])
    after = tracking.runs().set_index("run_id")
    assert after.loc[renamed, "name"] == "d"
    assert after.loc[resumed, "test_accuracy"] == 0.125
    assert set(read) == {renamed, resumed}


def test_viewers_share_a_table_of_runs_until_this_process_writes_or_a_second_is_over(monkeypatch):
    monkeypatch.setattr(reader, "CACHE_SECONDS", 1e9)
    run_id = small_runs.run(name="First")
    readings = []
    records = reader.records
    monkeypatch.setattr(reader, "records", lambda: readings.append(1) or records())
    names = [tracking.runs()["name"].item() for _ in range(3)]
    assert (names, len(readings)) == (["First"] * 3, 1)
    tracking.rename(run_id, "Second")
    assert tracking.runs()["name"].item() == "Second"
    with sqlite3.connect(paths.database_path()) as other_process:
        other_process.execute("UPDATE runs SET name = 'Third'")
    assert tracking.runs()["name"].item() == "Second"
    monkeypatch.setattr(reader, "CACHE_SECONDS", 1e-9)
    assert tracking.runs()["name"].item() == "Third"
