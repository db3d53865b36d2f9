"""The record, in a real MLflow store on a file."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import requests
from mlflow.tracking import MlflowClient
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Evaluation, Finished, Progress, Started, Step, Watched
from ftcore.models import checkpoints
from ftcore.tracking import locks, recorder, store
from tests.helpers import disk_limit, small_runs


def test_what_is_written_is_read_back() -> None:
    run_id = tracking.create_run(FineTuneConfig(mode="last-layer", name="Mine"))
    assert tracking.run(run_id).status == "queued"
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Progress("reading", 10, None, "texts"))
        recorder.write(Started({"train_texts": 64, "trains": "all"}, ("A note.",)))
        recorder.write(Evaluation("val", 0, 0.0, 0.0, 0, 0.7, 0.5))
        recorder.write(Step(2, 1.0, 0.5, 64, 0.6, 0.75, 0.01))
        recorder.write(Evaluation("val", 2, 1.0, 0.5, 64, 0.4, 0.9))
        recorder.write(Finished("finished", "Done.", {"val_accuracy": 0.9, "seconds": 3.0}))
    one = tracking.run(run_id)
    assert (one.name, one.status, one.message, one.live) == ("Mine", "finished", "Done.", False)
    assert one.config == FineTuneConfig(mode="last-layer", name="Mine")
    assert (one.facts["train_texts"], one.notes) == (64, ["A note."])
    assert one.metrics["val_accuracy"] == 0.9
    curve = tracking.history(run_id)
    assert curve["split"].tolist() == ["train", "val", "val"]
    train = curve[curve["split"] == "train"].iloc[0]
    assert (train["step"], train["loss"], train["lr"], train["examples"]) == (2, 0.6, 0.01, 64)
    assert curve[curve["split"] == "val"]["accuracy"].tolist() == [0.5, 0.9]
    row = tracking.runs().iloc[0]
    assert (row["run_id"], row["mode"], row["val_accuracy"]) == (run_id, "last-layer", 0.9)


def test_answers_to_watched_sentences_are_read_back_by_sentence_and_label() -> None:
    run_id = tracking.create_run(FineTuneConfig(), experiment="abc", experiment_name="Mine")
    assert tracking.watched(run_id).empty
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Watched(0, 0.0, 0.0, 0, ((0.5, 0.5), (0.25, 0.75))))
        recorder.write(Watched(4, 0.5, 2.0, 128, ((0.0, 1.0), (0.75, 0.25))))
    found = tracking.watched(run_id)
    assert found["sentence"].tolist() == [0] * 4 + [1] * 4
    last = found[(found["sentence"] == 1) & (found["label"] == 0)].iloc[-1]
    assert (last["step"], last["seconds"], last["examples"], last["probability"]) == (
        4,
        2.0,
        128,
        0.75,
    )
    assert tracking.run(run_id).experiment == tracking.runs().iloc[0]["experiment"] == "abc"
    assert tracking.runs().iloc[0]["experiment_name"] == "Mine"


def test_a_viewer_sees_the_phase_while_the_run_goes() -> None:
    run_id = tracking.create_run(FineTuneConfig())
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Progress("encoding", 0, 100, "texts"))
        recorder.write(Progress("encoding", 40, 100, "texts"))
        recorder._flush()
        one = tracking.run(run_id)
        assert (one.status, one.phase) == ("running", "encoding")
        assert (one.phase_done, one.phase_total, one.phase_unit) == (40, 100, "texts")


def test_a_validation_between_two_steps_does_not_restart_the_clock_of_training() -> None:
    run_id = tracking.create_run(FineTuneConfig())
    began = []
    with tracking.Recorder(run_id) as recorder:
        for phase in ("training", "evaluating", "training"):
            recorder.write(Progress(phase, 1, 9, "steps"))  # type: ignore[arg-type]
            recorder._flush()
            client = MlflowClient(tracking_uri=paths.tracking_uri())
            began.append(client.get_run(run_id).data.tags["unfreeze.phase_began"])
    assert began[0] == began[2] != began[1]


def test_there_is_an_empty_history_before_the_first_point() -> None:
    curve = tracking.history(tracking.create_run(FineTuneConfig()))
    assert len(curve) == 0
    assert {"split", "step", "loss", "accuracy", "seconds", "epoch"} <= set(curve.columns)


def test_a_run_whose_process_is_gone_reads_as_interrupted() -> None:
    code = (
        "from ftcore import tracking; from ftcore.config import FineTuneConfig; import os;"
        "r = tracking.create_run(FineTuneConfig()); c = tracking.claim(r);"
        "tracking.Recorder(r).__enter__();"
        "print(r, flush=True); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=paths.ROOT
    )
    run_id = done.stdout.strip()
    assert tracking.run(run_id).status == "interrupted"
    tracking.close_interrupted()
    client = MlflowClient(tracking_uri=paths.tracking_uri())
    assert client.get_run(run_id).info.status == "FAILED"
    assert tracking.run(run_id).status == "interrupted"


def test_a_run_of_a_living_process_is_never_taken_for_interrupted() -> None:
    run_id = tracking.create_run(FineTuneConfig())
    claim = tracking.claim(run_id)
    with tracking.Recorder(run_id):
        client = MlflowClient(tracking_uri=paths.tracking_uri())
        client.set_tag(run_id, "unfreeze.heartbeat", "0")  # busy with something long
        tracking.close_interrupted()
        one = tracking.run(run_id)
        assert (one.status, one.host, one.pid) == ("running", socket.gethostname(), os.getpid())
    claim.release()


def test_a_run_on_another_machine_counts_by_its_signs_of_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its lock is elsewhere: the heartbeat, which goes on while nothing happens, tells."""
    monkeypatch.setattr(recorder, "HEARTBEAT_SECONDS", 0.01)
    run_id = tracking.create_run(FineTuneConfig())
    client = MlflowClient(tracking_uri=paths.tracking_uri())
    with tracking.Recorder(run_id):
        client.set_tag(run_id, "unfreeze.host", "elsewhere")
        client.set_tag(run_id, "unfreeze.heartbeat", "0")
        until = time.monotonic() + 20
        while tracking.run(run_id).status != "running" and time.monotonic() < until:
            pass
        assert tracking.run(run_id).status == "running"
    client.set_tag(run_id, "unfreeze.heartbeat", str(time.time() - 200))
    assert tracking.run(run_id).status == "interrupted"


def test_rename_and_delete() -> None:
    small_runs.checkpoint(paths.checkpoints_dir() / "starter", "starter")
    run_id = small_runs.run("finished")
    tracking.rename(run_id, "  Better name ")
    assert tracking.run(run_id).name == checkpoints.find(run_id).title == "Better name"
    with pytest.raises(UnfreezeError, match="name"):
        tracking.rename(run_id, " ")
    assert tracking.disk_use(run_id) > 0
    tracking.delete(run_id)
    assert not checkpoints.run_path(run_id).exists()
    assert run_id not in tracking.runs()["run_id"].tolist()
    with pytest.raises(UnfreezeError, match="no run"):
        tracking.run(run_id)


def test_a_running_run_is_not_deleted() -> None:
    run_id = tracking.create_run(FineTuneConfig())
    with tracking.Recorder(run_id), pytest.raises(UnfreezeError, match="stop it first"):
        tracking.delete(run_id)


def test_an_unknown_id_is_a_sentence() -> None:
    for run_id in ("nothing", "0" * 32, "../x", ""):
        with pytest.raises(UnfreezeError, match="no run"):
            tracking.run(run_id)


def test_mlflow_shows_config_and_curves_to_its_own_users() -> None:
    run_id = tracking.create_run(FineTuneConfig(epochs=7))
    found = MlflowClient(tracking_uri=paths.tracking_uri()).get_run(run_id)
    assert found.data.params["epochs"] == "7"
    assert found.info.artifact_uri == checkpoints.run_path(run_id).parent.as_uri()


def test_a_store_that_cannot_be_opened_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/nowhere/mlflow.db")
    with pytest.raises(UnfreezeError, match="MLFLOW_TRACKING_URI"):
        tracking.runs()


def test_beside_a_database_of_ones_own_the_checkpoints_stay_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'shared.db'}")
    run_id = tracking.create_run(FineTuneConfig())
    found = MlflowClient(tracking_uri=paths.tracking_uri()).get_run(run_id)
    assert found.info.artifact_uri == checkpoints.run_path(run_id).parent.as_uri()


def test_a_tracking_server_gets_run_curves_and_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real `mlflow server`, and the command line, whose JSON lines nothing may disturb."""
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "1",
            "--backend-store-uri",
            f"sqlite:///{tmp_path / 'server.db'}",
            "--artifacts-destination",
            str(tmp_path / "artifacts"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        retry = Retry(total=60, connect=60, backoff_factor=0.2, backoff_max=1)
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            assert session.get(f"{address}/health", timeout=60).ok
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ftcore",
                "train",
                "--checkpoint",
                "base",
                "--epochs",
                "1",
                "--limit",
                "64",
                "--json",
            ],
            capture_output=True,
            text=True,
            cwd=paths.ROOT,
        )
        last = [json.loads(line) for line in done.stdout.splitlines()][-1]
        assert last["status"] == "finished"
        assert tracking.runs().iloc[0]["run_id"] == last["run_id"]
        assert len(tracking.history(last["run_id"])) > 2
        assert list((tmp_path / "artifacts").rglob("checkpoint/weights.safetensors"))
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)


def test_curves_read_straight_from_our_store_are_those_of_mlflow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where a resumed run wrote a step once more, and a loss was no number."""
    run_id = small_runs.run(watch="good film.")
    with tracking.Recorder(run_id) as again:
        again.write(Step(4, 0.5, 3.0, 128, 0.55, 0.8, 0.002))
        again.write(Step(6, 0.8, 4.0, 256, math.nan, 0.8, 0.002))
        again.write(Watched(4, 0.5, 3.0, 128, ((0.25, 0.75),)))
    straight = tracking.history(run_id), tracking.watched(run_id)
    assert straight[0]["loss"].tolist().count(0.55) == 1
    assert len(straight[1]) == 2
    monkeypatch.setattr(store, "_ours", lambda: False)
    for ours, theirs in zip(
        straight, (tracking.history(run_id), tracking.watched(run_id)), strict=True
    ):
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_the_list_is_read_again_as_soon_as_something_is_written() -> None:
    first = small_runs.run(saved=False)
    assert list(tracking.runs()["run_id"]) == [first]
    tracking.rename(first, "Another name")
    assert list(tracking.runs()["name"]) == ["Another name"]
    shown = tracking.runs()
    shown.loc[0, "name"] = "of one who looks"
    assert list(tracking.runs()["name"]) == ["Another name"]


def test_what_a_full_disk_does_not_take_is_one_sentence() -> None:
    run_id = small_runs.run(saved=False, name="Mine")
    asked = [
        lambda: tracking.create_run(FineTuneConfig()),
        lambda: tracking.rename(run_id, "Another name"),
        lambda: tracking.enqueue(run_id, 1.0),
        lambda: tracking.finish(run_id, Finished("stopped", "Over.")),
        lambda: tracking.delete(run_id),
    ]
    for act in asked:
        with disk_limit.limit_file_size(1), pytest.raises(UnfreezeError, match="free some space"):
            act()
    assert list(tracking.runs()["name"]) == ["Mine"]
    assert tracking.run(run_id).status == "finished"


def test_a_run_that_waits_is_not_missed_while_somebody_asks_whether_it_is_claimed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever asks has the lock for a moment; here it is a long one."""
    monkeypatch.setattr(locks, "MOMENT", 20.0)
    run_id = tracking.create_run(FineTuneConfig(), place=1.0)
    asking = tracking.claim(run_id)
    threading.Timer(0.3, asking.release).start()
    assert [one.run_id for one in tracking.waiting()] == [run_id]
