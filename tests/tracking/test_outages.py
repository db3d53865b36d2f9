"""A tracking server, there or gone, and a locked database: the reason is said soon, and no run is lost."""

import json
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
import requests
from mlflow.exceptions import MlflowException
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from benchmarks.harness.postgresql import PostgreSQL
from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.config import FineTuneConfig
from ftcore.events import Evaluation, Finished, Noted, Step
from ftcore.runs import execution
from ftcore.tracking import failures, recorder
from tests.helpers import locked_database, small_runs
from tests.helpers.mlflow_server import MlflowServer
from tests.helpers.paused_runs import assert_same_outcome, finished
from tests.helpers.waiting import PATIENCE

ACTIONS = [
    tracking.runs,
    tracking.waiting,
    tracking.last_failure,
    lambda: tracking.run("0" * 32),
    lambda: tracking.create_run(FineTuneConfig()),
    lambda: tracking.delete("0" * 32),
]


@pytest.fixture
def taken():
    """A port that nobody else can take, and on which nothing listens yet."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken


@pytest.fixture
def port(taken):
    return taken.getsockname()[1]


def refusals():
    """What each action says; and they take no more than a few seconds together."""
    began = time.monotonic()
    messages = set()
    for action in ACTIONS:
        with pytest.raises(tracking.RecordUnavailable) as refused:
            action()
        messages.add(str(refused.value))
    assert time.monotonic() - began < 30
    return messages


def test_a_server_that_is_gone_is_an_error_at_once_with_the_reason(port, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{port}")
    message = (
        f"The tracking server http://127.0.0.1:{port} cannot be used (Connection refused): "
        "start it, or correct MLFLOW_TRACKING_URI."
    )
    assert refusals() == {message}
    assert main(["runs"]) == 1
    assert capsys.readouterr().err == f"{message}\n"


def test_a_server_that_never_answers_is_an_error_within_seconds(taken, port, monkeypatch):
    monkeypatch.setattr(failures, "TRY_SECONDS", 1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    taken.listen()
    [message] = refusals()
    assert "(no answer in time)" in message


def test_a_locked_database_is_said_to_be_locked():
    run_id = small_runs.run(saved=False)
    with closing(sqlite3.connect(paths.database_path(), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for action in (tracking.runs, lambda: tracking.history(run_id)):
            locked = pytest.raises(tracking.RecordUnavailable, match="locked by another program")
            with locked_database.no_waiting(), locked:
                action()
        other.execute("ROLLBACK")
    assert len(tracking.history(run_id)) == 3


class Outage:
    """Executes a run, and stops the server while it trains."""

    def __init__(self, server: MlflowServer, run_id: str, start_again_after: int | None) -> None:
        self.notes: list[str] = []
        points = 0
        for event in execution.execute(run_id):
            if isinstance(event, Noted):
                self.notes.append(event.note)
            if isinstance(event, Finished):
                self.last = event
            points += isinstance(event, Step | Evaluation)
            if points == 6 and isinstance(event, Step | Evaluation):
                server.stop()
            if self.notes and start_again_after is not None and points > start_again_after:
                server.start()
                start_again_after = None
                failures._tries.clear()  # as some seconds later


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """The server of all tests; each leaves it running."""
    with MlflowServer(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(shared_server, monkeypatch):
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(failures, "TRY_SECONDS", PATIENCE)  # a busy machine may need more than 4
    small_runs.small_sample(monkeypatch)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", shared_server.uri)
    return shared_server


@pytest.mark.slow
def test_a_run_is_read_from_a_postgresql_that_was_restarted(monkeypatch):
    with PostgreSQL() as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        run_id = small_runs.run(saved=False)
        for _ in range(2):
            assert tracking.run(run_id).status == "finished"
            server.stop()
            server.start()


def test_the_reason_is_found_in_whatever_wraps_it():
    """requests and urllib3 pass it on as an argument, not as the cause."""
    refused = ConnectionRefusedError(111, "Connection refused")
    wrapped = MaxRetryError(None, "/api", NewConnectionError(None, "x"))
    wrapped.reason.__cause__ = refused
    long = MlflowException(f"API request to http://127.0.0.1/{'x' * 300} failed")
    long.__cause__ = requests.ConnectionError(wrapped)
    assert "(Connection refused)" in str(failures.unavailable(long))
    reset = ProtocolError("Connection aborted.", ConnectionResetError(104, "reset by peer"))
    assert "(reset by peer)" in str(failures.unavailable(requests.ConnectionError(reset)))


@pytest.mark.slow
def test_a_server_receives_run_curves_and_checkpoint(server):
    """From the command line, whose JSON lines MLflow's output must not disturb."""
    command = f"{sys.executable} -m ftcore train --checkpoint base --epochs 1 --limit 64 --json"
    out = subprocess.check_output(command.split(), text=True, cwd=paths.ROOT)
    last = [json.loads(line) for line in out.splitlines()][-1]
    assert last["status"] == "finished"
    assert tracking.runs().iloc[0]["run_id"] == last["run_id"]
    assert len(tracking.history(last["run_id"])) > 2
    assert list(server.artifacts.rglob("checkpoint/weights.safetensors"))


@pytest.mark.slow
def test_a_run_goes_on_without_its_server_and_is_recorded_when_it_is_back(server):
    expected = finished(small_runs.config())
    run_id = tracking.create_run(small_runs.config())
    outage = Outage(server, run_id, start_again_after=12)
    assert outage.last.status == "finished"
    # Refused, or broken off within a request, whatever the moment was.
    assert re.search(r"cannot be used \((Connection|Remote end|.*reset)", outage.notes[0])
    assert "The run goes on" in outage.notes[0]
    assert_same_outcome(expected, run_id)


@pytest.mark.slow
def test_a_run_that_ends_without_its_server_is_interrupted_and_can_be_resumed(server, monkeypatch):
    monkeypatch.setattr(recorder, "END_SECONDS", 0.0)
    expected = finished(small_runs.config())
    run_id = tracking.create_run(small_runs.config())
    last = Outage(server, run_id, start_again_after=None).last
    assert last.status == "interrupted"
    assert "API request" not in last.message and last.message.endswith("Then resume the run.")
    server.start()
    failures._tries.clear()
    assert tracking.run(run_id).status == "interrupted"
    *_, last = execution.execute(run_id)
    assert last.status == "finished"
    assert_same_outcome(expected, run_id)


@pytest.mark.slow
def test_a_server_that_is_back_before_the_end_is_given_up_records_it(server, monkeypatch):
    monkeypatch.setattr(recorder, "END_SECONDS", 300.0)
    run_id = tracking.create_run(small_runs.config())
    stop = server.stop

    def stop_for_a_while():
        stop()
        threading.Timer(5.0, server.start).start()

    with monkeypatch.context() as patch:
        patch.setattr(server, "stop", stop_for_a_while)
        assert Outage(server, run_id, start_again_after=None).last.status == "finished"
    assert tracking.run(run_id).status == "finished"
