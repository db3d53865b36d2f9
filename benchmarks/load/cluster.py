"""A simulated cluster: how soon queued runs start, what the record takes, and how fast pages stay.

    python -m benchmarks.load.cluster --short | --full

Runs only sleep and record the events that a training would, in the record that MLFLOW_TRACKING_URI names or
in SQLite; a dispatcher asks `queue_order` what is next, as the workers do. Viewers rerun a page a second each
meanwhile, and more of them come until the 95th percentile passes 500 ms. Everything is on one machine, so the
runs' recording competes with the pages for its cores.
"""

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from benchmarks.harness import data, report
from benchmarks.harness.server_process import ServerProcess
from benchmarks.load.simulated_visitor import Visitor
from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.events import Evaluation, Finished, Progress, Started, Step
from ftcore.runs import queue_order
from ftcore.runs.queue_order import Limits

PEOPLE = 30
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


@dataclass
class Cluster:
    """Workers, as threads of this process."""

    size: Size
    delays: list[float] = field(default_factory=list)
    """Seconds from the moment when a worker was free for a waiting run until it had recorded its start."""
    writes: int = 0
    _running: dict[str, tracking.Run] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def execute_all(self) -> float:
        """Execute what waits; return the seconds that this took."""
        began = time.monotonic()
        free = [began] * self.size.workers  # since when each idle worker is
        turns: dict[str, float] = {}
        with ThreadPoolExecutor(self.size.workers) as pool:
            while True:
                waiting = [run for run in tracking.waiting() if run.run_id not in self._running]
                if not waiting and not self._running:
                    return time.monotonic() - began
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
                    self.delays.append(time.monotonic() - free_since)
                    self._record(recorder)
            finally:
                claim.release()
        finally:
            with self._lock:
                del self._running[run.run_id]
                free.append(time.monotonic())

    def _record(self, recorder: tracking.Recorder) -> None:
        steps = round(self.size.run_seconds / EVENT_SECONDS)
        recorder.write(Started({"steps": steps, "steps_per_epoch": steps, "train_texts": 1000}))
        for step in range(1, steps + 1):
            time.sleep(EVENT_SECONDS)
            values = (step, step / steps, step * EVENT_SECONDS, step * 32, 1 / step, 0.5)
            recorder.write(Step(*values, 0.001))
            recorder.write(Progress("training", step, steps, "steps"))
            if step % 4 == 0:
                recorder.write(Evaluation("val", *values))
            with self._lock:
                self.writes += 1
        metrics = {"seconds": self.size.run_seconds, "val_accuracy": 0.9, "test_accuracy": 0.9}
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
        """Let there be so many in all, and wait until each has its page."""
        new = range(len(self._threads), count)
        for number in new:
            thread = threading.Thread(target=self._view, args=(PAGES[number % len(PAGES)],))
            self._threads.append(thread)
            thread.start()
        for _ in new:
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
        visitor.open(page)
        self._opened.release()
        while not self._closed.wait(VIEW_SECONDS):
            clock = time.perf_counter()
            visitor.rerun()
            self._times.append((time.perf_counter() - clock) * 1000)
        visitor.close()


def main(argv: list[str] | None = None) -> None:
    size = FULL if report.options(__doc__ or "", argv).full else SHORT
    report.heading("A simulated cluster")
    with data.home():
        seconds = queue_runs(size.runs)
        print(f"{size.runs} runs queued in {seconds:.0f} s.", flush=True)
        turn = FileLock(paths.home() / ".queue.lock")  # the server executes none of them
        with turn, ServerProcess(paths.home()) as server:
            simulate(size, server)


def queue_runs(count: int) -> float:
    """Queue runs of several people; return the seconds that this took."""
    began = time.monotonic()
    for number in range(count):
        config = FineTuneConfig(mode="last-layer", seed=number, name=f"run {number}")
        tracking.create_run(config, place=number + 1.0, person=f"person {number % PEOPLE}")
    return time.monotonic() - began


def simulate(size: Size, server: ServerProcess) -> None:
    """Execute the runs beside viewers; print the figures."""
    cluster, viewers = Cluster(size), Viewers(server.address)
    viewers.grow(size.viewers)
    cpu = processor_seconds(server)
    took: list[float] = []
    thread = threading.Thread(target=lambda: took.append(cluster.execute_all()))
    stages: dict[int, list[float]] = {}
    thread.start()
    try:
        for count in (size.viewers, *size.more_viewers):
            viewers.grow(count)
            stages[count] = viewers.measure(size.stage_seconds)
            if not stages[count] or np.percentile(stages[count], 95) > TOO_SLOW:
                break
    finally:
        viewers.close()
        thread.join()
    used = [after - before for before, after in zip(cpu, processor_seconds(server), strict=True)]
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
        "seconds": took[0],
        "seconds_at_best": size.runs / size.workers * size.run_seconds,
        "scheduling_delay_p50_s": float(np.percentile(cluster.delays, 50)),
        "scheduling_delay_p95_s": float(np.percentile(cluster.delays, 95)),
        "record_writes_per_s": cluster.writes / took[0],
        "processor_s_of_runs_and_viewers": used[0],
        "processor_s_of_server": used[1],
    }
    report.table(["figure", "value"], [[name, f"{value:.4g}"] for name, value in figures.items()])
    p95 = {count: float(np.percentile(times, 95)) for count, times in stages.items() if times}
    report.result("cluster", **figures, rerun_p95_ms_by_viewers=p95)


def processor_seconds(server: ServerProcess) -> tuple[float, float]:
    """Processor time so far, of this process and of the server."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return time.process_time(), ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(sys.argv[1:])
