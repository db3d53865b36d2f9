"""Runs on a Ray cluster whose processes, nodes, supervisor and database are killed again and again.

    python -m benchmarks.load.ray_faults --kills 20

A head, two nodes of one CPU each, PostgreSQL and a supervisor, all on this machine. At every kill a run
trains; the kind of the next kill follows from the seed. Afterwards no run may be lost, and each finished
run must have the very weights of one that was never interrupted. Tells how long it took until the run
trained in another process, or was recorded again. Exits with status 1 otherwise.
"""

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress

from benchmarks.harness import report
from benchmarks.harness.postgresql import PostgreSQL
from benchmarks.harness.ray_machines import RayMachines
from benchmarks.load import run_audit
from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.runs.scheduler import scheduler

DATABASE_AWAY = 60.0  # seconds
PATIENCE = 900.0  # seconds until a run trains again, or all runs have ended
SETTINGS = {"checkpoint": "starter", "mode": "full", "limit": 1500, "device": "cpu", "threads": 1}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=20, help="of each run")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    report.heading(f"{options.kills} kills on a Ray cluster")
    with tempfile.TemporaryDirectory() as home, PostgreSQL() as database:
        os.environ |= {"UNFREEZE_HOME": home, "MLFLOW_TRACKING_URI": database.uri}
        os.environ["UNFREEZE_WORKERS"] = "ray"
        machines = RayMachines(cpus=(1, 1))
        try:
            sys.exit(_audit(*_kill(machines, database, options)))
        finally:
            machines.shut_down()


def _kill(
    machines: RayMachines, database: PostgreSQL, options: argparse.Namespace
) -> tuple[set[str], dict[str, list[float]]]:
    """Kill while runs train; return the runs, and by kind of kill the seconds until one trained again."""

    def database_away() -> None:
        database.stop()
        time.sleep(DATABASE_AWAY)
        database.start()

    generator, seconds = random.Random(options.seed), defaultdict(list)
    configs = [
        FineTuneConfig(**SETTINGS, epochs=options.epochs, seed=seed) for seed in range(options.runs)
    ]
    runs = {scheduler.submit(config) for config in configs}
    for number in range(options.kills):
        victim = _training(runs)
        if victim is None:
            print(f"All runs have ended after {number} kills: give more runs or epochs.")
            break
        kinds: dict[str, Callable[[], object]] = {
            "process": lambda pid=victim.pid: os.kill(pid, signal.SIGKILL),
            "node": lambda node=victim.node: machines.replace_node(node),
            "supervisor": machines.restart_supervisor,
            "database": database_away,
        }
        kind = generator.choice(list(kinds))
        began = time.monotonic()
        with suppress(ProcessLookupError):  # it has just ended
            kinds[kind]()
        if kind == "database":
            _training(runs)
        if kind == "database" or _trains_again(victim):
            seconds[kind].append(time.monotonic() - began)
        print(f"kill {number + 1}: {kind}", flush=True)
    deadline = time.monotonic() + PATIENCE
    while any(tracking.run(run_id).live or tracking.run(run_id).lost for run_id in runs):
        if time.monotonic() > deadline:
            break
        time.sleep(1.0)
    scheduler.shutdown()
    return runs, seconds


def _trains_again(victim: tracking.Run) -> bool:
    """Wait until a run trains in another process than before; False if it ended in that one."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(tracking.RecordUnavailable):
            run = tracking.run(victim.run_id)
            if run.pid != victim.pid and (run.phase == "training" or not run.live):
                return True
            if not run.live and not run.lost:
                return False
        time.sleep(0.2)
    return False


def _training(runs: set[str]) -> tracking.Run | None:
    """A run that trains in a live process, once there is one; None if all have ended."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(tracking.RecordUnavailable):
            found = [tracking.run(run_id) for run_id in runs]
            for run in found:
                if run.status == "running" and run.phase == "training" and run.claimed:
                    return run
            if not any(run.live or run.lost for run in found):
                return None
        time.sleep(0.2)
    return None


def _audit(runs: set[str], seconds: dict[str, list[float]]) -> int:
    """Print what happened; return the exit status."""
    lost = run_audit.lost_runs(runs, set())
    differing: dict[str, str] = {}
    for group, run_ids in run_audit.finished_alike(set()).items():
        differing |= run_audit.differing_runs(group.config, run_ids)
    rows = [[kind, len(each), report.spread(each, 1)] for kind, each in sorted(seconds.items())]
    report.table(["killed", "times", "seconds until a run trained"], rows)
    for run_id, reason in (lost | differing).items():
        print(f"{run_id} {reason}")
    medians = {kind: statistics.median(each) for kind, each in seconds.items()}
    kills = sum(map(len, seconds.values()))
    report.result(
        "ray_faults",
        runs=len(runs),
        kills=kills,
        lost=len(lost),
        differing=len(differing),
        seconds=medians,
    )
    return int(bool(lost or differing))


if __name__ == "__main__":
    main()
