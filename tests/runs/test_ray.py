"""Runs on Ray nodes, recorded in PostgreSQL: handed over, stopped, killed, and gone on with elsewhere."""

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from benchmarks.harness.postgresql import PostgreSQL
from benchmarks.harness.ray_machines import RayMachines
from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.config import FineTuneConfig
from ftcore.experiments import grouping
from ftcore.models import checkpoints
from ftcore.runs import execution
from ftcore.runs.scheduler import scheduler
from ftcore.tracking import leases
from ftcore.training import snapshots
from tests.helpers import small_runs
from tests.helpers.paused_runs import assert_same_outcome
from tests.helpers.waiting import wait_for

pytestmark = pytest.mark.slow

SHORT = {"checkpoint": "base", "limit": 800, "epochs": 30, "max_length": 48, "device": "cpu"}
SHORT |= {"evaluations": 1, "learning_rate": 0.01, "batch_size": 16, "dropout": 0.1, "threads": 1}
LONG = SHORT | {"epochs": 1000}  # until it is ended
CURVE = {"checkpoint": "base", "max_length": 16, "device": "cpu", "threads": 1, "epochs": 1}
CURVE |= {"modes": "last-layer", "sizes": "20,40", "seeds": 0, "test_limit": 50}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The settings of all machines, with a checkpoint in the home that they share."""
    with PostgreSQL() as database, pytest.MonkeyPatch.context() as patch:
        settings = {
            "UNFREEZE_HOME": str(tmp_path_factory.mktemp("shared")),
            "MLFLOW_TRACKING_URI": database.uri,
            "UNFREEZE_WORKERS": "ray",
        }
        for name, value in settings.items():
            patch.setenv(name, value)
        small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
        tracking.runs()  # creates the tables, which two processes must not do at once
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ADDRESS"):
            patch.setenv(name, "")  # what the cluster sets, until the end of these tests
        machines = RayMachines(cpus=[2])
        settings["RAY_ADDRESS"] = os.environ["RAY_ADDRESS"]
        yield settings, machines
        machines.shut_down()


@pytest.fixture
def machines(shared, home, monkeypatch):
    settings, machines = shared
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield machines
    scheduler.shutdown()


@pytest.fixture(scope="module")
def expected(shared):
    """A run of the same settings in this process."""
    run_id = tracking.create_run(FineTuneConfig(**SHORT, mode="full"))
    for _ in execution.execute(run_id):
        pass
    return run_id


def training(run_id):
    """The record of a run once it trains and can be resumed; where that is fast, it reads as evaluating."""
    wait_for(lambda: snapshots.path(checkpoints.run_path(run_id)).exists())
    phases = ("training", "evaluating")
    return wait_for(lambda: (run := tracking.run(run_id)).phase in phases and run)


def end(run_id):
    """The record of a run once it has ended."""
    return wait_for(lambda: not (run := tracking.run(run_id)).live and not run.lost and run)


def test_a_command_hands_its_run_over_and_ends_with_the_same_bits(machines, expected, capsys):
    options = [f"--{name.replace('_', '-')}={value}" for name, value in SHORT.items()]
    assert main(["train", *options, "--mode=full", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    last = lines[-1]
    assert (last["worker"], last["status"]) == ("ray", "finished") and "(" in last["node"]
    names = {line.get("event") for line in lines}
    assert {"created", "started", "progress", "step", "evaluation"} <= names
    assert tracking.run(last["run_id"]).facts["threads"] == "1"
    assert_same_outcome(expected, last["run_id"])


def test_compare_spreads_its_runs_over_workers_and_times_each_by_itself(machines, expected, capsys):
    settings = LONG | {"evaluations": 5}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]

    def stop_both():
        both = wait_for(lambda: len(ids := tracking.executed()) == 2 and ids)
        processes = {training(run_id).pid for run_id in both}
        for run_id in both:
            scheduler.stop(run_id)
        return processes

    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        processes = pool.submit(stop_both)
        main(["compare", *options, "--modes=full", "--seeds=1,2", "--json"])
    assert len(processes.result() | {os.getpid()}) == 3  # at the same time
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    runs = [tracking.run(line["run_id"]) for line in lines if line.get("event") == "created"]
    for run in runs:
        assert (run.worker, run.status, run.facts["threads"]) == ("ray", "stopped", "1")
        assert 0 < run.metrics["seconds"] < time.monotonic() - began
    assert lines[-1]["worker"] == "ray" and lines[-1]["unfair"] == {}
    beside_local = grouping.unfair_differences([*runs, tracking.run(expected)])
    assert beside_local["worker"] == ["ray", "local"]


def test_a_learning_curve_on_workers_has_the_points_of_one_in_this_process(
    machines, monkeypatch, capsys
):
    """The models are not kept: what the points need comes back through the record and the shared home."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in CURVE.items()]

    def points():
        assert main(["learning-curve", *options, "--json"]) == 0
        last = json.loads(capsys.readouterr().out.splitlines()[-1])
        runs = [tracking.run(point.pop("run_id")) for point in last["points"]]
        assert all(point.pop("train_seconds") > 0 for point in last["points"])
        return last, {run.worker for run in runs}

    handed, workers = points()
    assert (handed["status"], handed["worker"], workers) == ("finished", "ray", {"ray"})
    assert [(point["mode"], point["size"]) for point in handed["points"]] == [
        ("last-layer", 20),
        ("last-layer", 40),
    ]
    monkeypatch.setenv("UNFREEZE_WORKERS", "local")
    here, workers = points()
    assert workers == {"local"}
    for part in ("points", "sentence", "crossings"):
        assert handed[part] == here[part]


def test_stop_reaches_a_run_on_another_node_within_seconds(machines):
    run_id = scheduler.submit(FineTuneConfig(**LONG, mode="full"))
    run = training(run_id)
    assert run.worker == "ray" and run.pid != os.getpid()
    began = time.monotonic()
    scheduler.stop(run_id)
    assert end(run_id).status == "stopped"
    # A look for requests, which are a second apart, saw it; a renewal of the lease is later.
    assert time.monotonic() - began < leases.RENEWAL_SECONDS


def test_a_run_that_no_node_has_room_for_says_so_and_lets_others_pass(machines):
    big = scheduler.submit(FineTuneConfig(**SHORT | {"threads": 64}, mode="full"))
    small = scheduler.submit(FineTuneConfig(**SHORT, mode="last-layer"))
    assert end(small).status == "finished"
    assert tracking.run(big).status == "queued"
    assert "needs 64 CPUs on one node, and no node has them" in tracking.run(big).message
    scheduler.stop(big)
    assert end(big).status == "stopped"


@pytest.mark.parametrize(
    "fault", ["process killed", "node lost", "head restarted", "supervisor killed"]
)
def test_a_lost_run_goes_on_elsewhere_and_ends_with_the_same_bits(fault, machines, expected):
    config = FineTuneConfig(**SHORT, mode="full")
    run_id = scheduler.submit(config)
    first = training(run_id)
    if fault == "process killed":
        os.kill(first.pid, signal.SIGKILL)
    elif fault == "node lost":
        machines.replace_node(first.node)
    elif fault == "head restarted":
        machines.restart_head()
    else:
        machines.restart_supervisor()
    run = end(run_id)
    assert run.status == "finished"
    if fault != "supervisor killed":  # Ray may let its tasks go on for a while
        assert run.losses == 1 and run.pid != first.pid
    assert_same_outcome(expected, run_id)


def test_a_run_whose_process_is_frozen_goes_on_in_another_one(machines, expected):
    """Ray sees nothing of it, but nobody renews the lease of the run."""
    run_id = scheduler.submit(FineTuneConfig(**SHORT, mode="full"))
    first = training(run_id)
    os.kill(first.pid, signal.SIGSTOP)
    run = end(run_id)
    assert (run.status, run.losses) == ("finished", 1) and run.pid != first.pid
    wait_for(lambda: not psutil.pid_exists(first.pid))
    assert_same_outcome(expected, run_id)
