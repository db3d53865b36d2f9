"""A simulated cluster: how soon queued runs start, what the record takes, and how fast pages stay.

    python -m benchmarks.load.cluster --short | --full [--postgresql]

Runs only sleep and record the events that a training would, in SQLite or PostgreSQL; a dispatcher asks
`queue_order` what is next, as the workers do. Viewers rerun a page a second each meanwhile, and more of them
come until the 95th percentile passes 500 ms. Workers, server and viewers are a process each on this machine:
what the workers write competes with the pages for its cores.
"""

import contextlib
import os
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock

from benchmarks.harness import data, report
from benchmarks.harness.postgresql import PostgreSQL
from benchmarks.harness.server_process import ServerProcess
from benchmarks.load.simulated_visitor import Visitor
from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.events import Evaluation, Finished, Progress, Started, Step
from ftcore.runs import queue_order
from ftcore.runs.queue_order import Limits

PEOPLE = 30
WRITING = 2  # threads that write at once; runs in processes of their own share no lock of Python
NICENESS = 10  # of the workers, which stand for other machines: the dashboard goes first
EVENT_SECONDS = 0.5  # between two steps of a run
POLL_SECONDS = 1.0  # of the dispatcher, as of the Ray driver
VIEW_SECONDS = 1.0  # between two reruns of a viewer
PAGES = ("", "train", "compare", "runs", "checkpoints")
TOO_SLOW = 500.0  # milliseconds


@dataclass(frozen=True)
class Size:
    """How much is simulated."""

    runs: int
    workers: int
    run_seconds: float
    viewers: int
    more_viewers: tuple[int, ...]
    """In all, one stage after the other, until pages are too slow."""
    stage_seconds: float


SHORT = Size(12, 4, 2.0, 2, (), 5.0)
FULL = Size(1000, 50, 8.0, 30, (45, 60, 90, 120), 30.0)


class Executed(NamedTuple):
    """What the workers did."""

    seconds: float
    delays: list[float]
    """Seconds from the moment when a worker was free for a waiting run until it had recorded its start."""
    writes: int
    processor_seconds: float


class Cluster:
    """Workers, as threads of a process of their own; a dispatcher gives them runs."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._delays: list[float] = []
        self._writes = 0
        self._running: dict[str, tracking.Run] = {}
        self._lock = threading.Lock()
        self._writing = threading.Semaphore(WRITING)

    @classmethod
    def execute(cls, size: Size) -> Executed:
        # A pool of MLflow's has 15 connections; runs have processes, and pools, of their own.
        os.environ["MLFLOW_SQLALCHEMYSTORE_POOL_SIZE"] = str(size.workers)
        os.nice(NICENESS)
        return cls(size).execute_all()

    def execute_all(self) -> Executed:
        """Execute what waits."""
        began = time.monotonic()
        free = [began] * self._size.workers  # since when each idle worker is
        turns: dict[str, float] = {}
        with ThreadPoolExecutor(self._size.workers) as pool:
            while True:
                waiting = [run for run in tracking.waiting() if run.run_id not in self._running]
                if not waiting and not self._running:
                    seconds = time.monotonic() - began
                    return Executed(seconds, self._delays, self._writes, time.process_time())
                while free and waiting:
                    running = list(self._running.values())
                    run = queue_order.next_run(waiting, running, turns, Limits())
                    assert run is not None  # there are no limits
                    waiting.remove(run)
                    turns[run.person] = time.monotonic()
                    self._running[run.run_id] = run
                    pool.submit(self._execute, run, free.pop(0), free)
                time.sleep(POLL_SECONDS)

    def _execute(self, run: tracking.Run, free_since: float, free: list[float]) -> None:
        try:
            claim = tracking.claim(run.run_id)
            try:
                with tracking.Recorder(run.run_id, claim) as recorder:
                    self._delays.append(time.monotonic() - free_since)
                    self._record(recorder)
            finally:
                claim.release()
        finally:
            with self._lock:
                del self._running[run.run_id]
                free.append(time.monotonic())

    def _record(self, recorder: tracking.Recorder) -> None:
        steps = round(self._size.run_seconds / EVENT_SECONDS)
        recorder.write(Started({"steps": steps, "steps_per_epoch": steps, "train_texts": 1000}))
        for step in range(1, steps + 1):
            time.sleep(EVENT_SECONDS)
            values = (step, step / steps, step * EVENT_SECONDS, step * 32, 1 / step, 0.5)
            with self._writing:
                recorder.write(Step(*values, 0.001))
                recorder.write(Progress("training", step, steps, "steps"))
                if step % 4 == 0:
                    recorder.write(Evaluation("val", *values))
            with self._lock:
                self._writes += 1
        metrics = {"seconds": self._size.run_seconds, "val_accuracy": 0.9, "test_accuracy": 0.9}
        recorder.write(Finished("finished", "Over.", metrics))


class Viewers:
    """Rerun pages, each in a thread, until closed."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._closed = threading.Event()
        self._opened = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []
        self._times: list[float] = []

    def grow(self, count: int) -> None:
        """Let there be so many in all; they open their pages one after the other."""
        for number in range(len(self._threads), count):
            thread = threading.Thread(target=self._view, args=(PAGES[number % len(PAGES)],))
            self._threads.append(thread)
            thread.start()
            self._opened.acquire()

    def measure(self, seconds: float) -> list[float]:
        """Milliseconds of the reruns in the next seconds."""
        first = len(self._times)
        time.sleep(seconds)
        return self._times[first:]

    def close(self) -> None:
        self._closed.set()
        for thread in self._threads:
            thread.join()

    def _view(self, page: str) -> None:
        visitor = Visitor(self._address)
        try:
            visitor.open(page)
        finally:
            self._opened.release()
        while not self._closed.wait(VIEW_SECONDS):
            clock = time.perf_counter()
            visitor.rerun()
            self._times.append((time.perf_counter() - clock) * 1000)
        visitor.close()


def main(argv: list[str] | None = None) -> None:
    help = "record the runs in PostgreSQL, with a server of its own"
    options = report.options(__doc__ or "", argv, postgresql=help)
    size = FULL if options.full else SHORT
    report.heading("A simulated cluster")
    with contextlib.ExitStack() as stack:
        stack.enter_context(data.home())
        if options.postgresql:
            database = stack.enter_context(PostgreSQL())
            os.environ["MLFLOW_TRACKING_URI"] = database.uri
        seconds = queue_runs(size.runs)
        print(f"{size.runs} runs queued in {seconds:.0f} s.", flush=True)
        stack.enter_context(FileLock(paths.home() / ".queue.lock"))  # the server executes none
        server = stack.enter_context(ServerProcess(paths.home()))
        simulate(size, server, "PostgreSQL" if options.postgresql else "SQLite")


def queue_runs(count: int) -> float:
    """Queue runs of several people; return the seconds that this took."""
    began = time.monotonic()
    for number in range(count):
        config = FineTuneConfig(mode="last-layer", seed=number, name=f"run {number}")
        tracking.create_run(config, place=number + 1.0, person=f"person {number % PEOPLE}")
    return time.monotonic() - began


def simulate(size: Size, server: ServerProcess, record: str) -> None:
    """Execute the runs beside viewers; print the figures."""
    viewers = Viewers(server.address)
    stages: dict[int, list[float]] = {}
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        viewers.grow(size.viewers)
        before, began = processor_seconds(server), time.monotonic()
        execution = process.submit(Cluster.execute, size)
        try:
            for count in (size.viewers, *size.more_viewers):
                viewers.grow(count)
                stages[count] = viewers.measure(size.stage_seconds)
                print(f"{count} viewers: {len(stages[count])} reruns", flush=True)
                if not stages[count] or np.percentile(stages[count], 95) > TOO_SLOW:
                    break
            server_load = (processor_seconds(server) - before) / (time.monotonic() - began)
        finally:
            viewers.close()
        executed = execution.result()
    report.table(
        ["viewers", "reruns", "p50, ms", "p95, ms"],
        [
            [count, len(times), *(f"{value:.0f}" for value in np.percentile(times, (50, 95)))]
            for count, times in stages.items()
            if times
        ],
    )
    figures: dict[str, Any] = {
        "runs": size.runs,
        "workers": size.workers,
        "seconds": executed.seconds,
        "seconds_at_best": size.runs / size.workers * size.run_seconds,
        "scheduling_delay_p50_s": float(np.percentile(executed.delays, 50)),
        "scheduling_delay_p95_s": float(np.percentile(executed.delays, 95)),
        "record_writes_per_s": executed.writes / executed.seconds,
        "cores_of_workers": executed.processor_seconds / executed.seconds,
        "cores_of_server": server_load,
    }
    report.table(["figure", "value"], [[name, f"{value:.4g}"] for name, value in figures.items()])
    p95 = {count: float(np.percentile(times, 95)) for count, times in stages.items() if times}
    report.result("cluster", record=record, **figures, rerun_p95_ms_by_viewers=p95)


def processor_seconds(server: ServerProcess) -> float:
    """Processor time of the server so far."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(sys.argv[1:])
