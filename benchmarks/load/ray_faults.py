"""Runs on a Ray cluster whose processes, machines, network, database and disks fail again and again.

    python -m benchmarks.load.ray_faults --kills 20

A head, three nodes of one CPU each, PostgreSQL and a supervisor; nodes are namespaces of this machine, on a
network of their own, and one of them is spare. Needs root. At every fault a run trains; the kinds take turns
in an order that follows from the seed. Afterwards no run may be lost or recorded twice, and each must have
the very curve and weights of one that was never interrupted. Tells how long it took until the run trained in
another process, or was recorded again. Exits with status 1 otherwise.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd

from benchmarks.harness import ray_hosts, report
from benchmarks.harness.postgresql import PostgreSQL
from benchmarks.harness.ray_hosts import RayHosts
from benchmarks.load import run_audit
from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.runs.scheduler import scheduler

AWAY = 60.0  # seconds, of the database and of a cut node
PATIENCE = 600.0  # seconds until a run trains again, or all runs have ended
NODES, AT_ONCE = 3, 2
SETTINGS = {"checkpoint": "starter", "mode": "full", "limit": 1500, "device": "cpu", "threads": 1}


class Faults:
    """Breaks something, waits until the run that it hit trains again, and knows how long that took."""

    def __init__(self, hosts: RayHosts, database: PostgreSQL, epochs: int) -> None:
        self._hosts, self._database = hosts, database
        self._config = FineTuneConfig(**SETTINGS, epochs=epochs)
        self.runs: list[str] = []
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.kinds: dict[str, Callable[[tracking.Run], object]] = {
            "process killed": lambda run: hosts.named(run.node).kill(run.pid),
            "node lost": lambda run: hosts.named(run.node).restart(),
            "head restarted": lambda run: hosts.head.restart(),
            "supervisor killed": lambda run: hosts.restart_supervisor(),
            "database away": self._stop_database,
            "network cut": lambda run: hosts.named(run.node).cut(),
            "disk full": self._fill_disk,
        }

    def cause(self, kind: str) -> None:
        victim = self._training()
        began = time.monotonic()
        with suppress(subprocess.CalledProcessError):  # its process has just ended
            self.kinds[kind](victim)
        same = kind == "database away"  # its process lives
        self._wait(lambda run: _ended(run) or _trains(run, None if same else victim), victim)
        took = time.monotonic() - began
        if kind == "network cut":
            time.sleep(max(0.0, AWAY - took))
            self._hosts.named(victim.node).mend()
        self.seconds[kind].append(took)
        print(f"{len(self.runs)} runs, {victim.run_id[:8]}: {kind}, {took:.0f} s", flush=True)

    def finish(self) -> int:
        """Wait until all runs have ended; return how many had to be resumed by hand."""
        resumed = 0
        for run_id in self.runs:
            run = self._wait(_ended, tracking.run(run_id))
            if run.status == "interrupted":  # lost too often
                resumed += 1
                self._resume(run_id)
                self._wait(_ended, run)
        return resumed

    def _training(self) -> tracking.Run:
        """The run that was hit the least of those that train; new ones are queued for that."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(tracking.RecordUnavailable):
                runs = [tracking.run(run_id) for run_id in self.runs]
                for _ in range(AT_ONCE - sum(run.live or run.lost for run in runs)):
                    self.runs.append(scheduler.submit(self._config))
                training = [run for run in runs if _trains(run)]
                if training:
                    return min(training, key=lambda run: run.losses)
            time.sleep(0.2)
        raise TimeoutError("No run trains.")

    def _wait(self, condition: Callable[[tracking.Run], bool], run: tracking.Run) -> tracking.Run:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(tracking.RecordUnavailable):
                run = tracking.run(run.run_id)
                if condition(run):
                    return run
            time.sleep(0.2)
        raise TimeoutError(
            f"{run.run_id} is {run.status}, {run.phase} on {run.node}: {run.message}"
        )

    def _stop_database(self, _: tracking.Run) -> None:
        self._database.stop()
        time.sleep(AWAY)
        self._database.start()

    def _fill_disk(self, run: tracking.Run) -> None:
        """Until the run says that its node has no space left; then free it and resume the run."""
        host, folder = self._hosts.named(run.node), paths.runs_dir() / run.run_id
        host.fill(folder)
        run = self._wait(_ended, run)
        host.free(folder)
        if run.status == "interrupted":  # not if it had nothing left to write
            assert "disk is full" in run.message, run.message
            self._resume(run.run_id)

    def _resume(self, run_id: str) -> None:
        """As a person would, who is told to wait as long as the process of the run ends."""
        while True:
            try:
                return scheduler.resume(run_id)
            except UnfreezeError:
                time.sleep(0.5)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=20, help="of each run")
    parser.add_argument("--only", action="append", metavar="KIND", help="such as 'node lost'")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    report.heading(f"{options.kills} faults on a Ray cluster")
    with (
        tempfile.TemporaryDirectory() as folder,
        ray_hosts.Network(),
        PostgreSQL(ray_hosts.ADDRESS, ray_hosts.NETWORK) as database,
    ):
        os.environ |= {"UNFREEZE_HOME": f"{folder}/home", "MLFLOW_TRACKING_URI": database.uri}
        os.environ |= {"UNFREEZE_WORKERS": "ray", "UNFREEZE_RUNS_AT_ONCE": str(AT_ONCE)}
        tracking.runs()  # creates the tables
        with RayHosts(NODES, Path(folder)) as hosts:
            faults = Faults(hosts, database, options.epochs)
            kinds = options.only or list(faults.kinds)
            order = kinds * (options.kills // len(kinds) + 1)
            order = order[: options.kills]
            random.Random(options.seed).shuffle(order)
            for kind in order:
                faults.cause(kind)
            resumed = faults.finish()
            scheduler.shutdown()
        sys.exit(_audit(faults, resumed))


def _ended(run: tracking.Run) -> bool:
    return not run.live and not run.lost


def _trains(run: tracking.Run, before: tracking.Run | None = None) -> bool:
    """Whether a run trains, in another process than `before`."""
    moved = before is None or (run.node, run.pid) != (before.node, before.pid)
    return moved and run.claimed and run.phase == "training"


def _audit(faults: Faults, resumed: int) -> int:
    """Print what happened; return the exit status."""
    runs = set(faults.runs)
    wrong = run_audit.lost_runs(runs, set())
    recorded = run_audit.statuses().keys()
    wrong |= dict.fromkeys(recorded - runs, "was recorded, but not asked for")
    for group, run_ids in run_audit.finished_alike(set()).items():
        wrong |= run_audit.differing_runs(group.config, run_ids)
    (undisturbed,) = run_audit.statuses().keys() - recorded
    wrong |= {
        run_id: "has another curve"
        for run_id in runs
        if not _curve(run_id).equals(_curve(undisturbed))
    }
    rows = [[kind, len(each), report.spread(each)] for kind, each in faults.seconds.items()]
    report.table(["fault", "times", "seconds until the run trained"], rows)
    for run_id, reason in wrong.items():
        print(f"{run_id} {reason}")
    report.result(
        "ray_faults",
        runs=len(runs),
        faults=sum(map(len, faults.seconds.values())),
        wrong=len(wrong),
        resumed_by_hand=resumed,
        seconds={kind: statistics.median(each) for kind, each in faults.seconds.items()},
    )
    return int(bool(wrong))


def _curve(run_id: str) -> pd.DataFrame:
    return tracking.history(run_id).drop(columns="seconds")


if __name__ == "__main__":
    main()
