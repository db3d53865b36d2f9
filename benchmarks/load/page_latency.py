"""Pages while a run trains: how fast each reruns, and how much viewers slow the training.

    python -m benchmarks.load.page_latency --short | --full

One run trains all layers on real IMDB in the server's own process, beside 30 earlier runs. A page's rerun
is timed by a client over the WebSocket, from the request to the end of its script; `tick` is the fragment
that a live page requests each second. Then the run has no viewer, ten such clients (ten browsers elsewhere,
which cost the server their requests only) and ten tabs of chromium on this machine, in turns. Reviews a
second are by the run's own clock, without evaluations.
"""

import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import NamedTuple

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.harness import chromium, data, report
from benchmarks.harness.server_process import START_TIMEOUT, ServerProcess
from benchmarks.harness.throughput import Throughput, TimedSteps, speedups
from benchmarks.load.simulated_visitor import Visitor
from benchmarks.training import unfreeze_loop
from ftcore import paths, tracking
from ftcore.config import FineTuneConfig, mode_defaults
from ftcore.events import Evaluation, Finished, Started, Step

TABS = 10
EARLIER_RUNS = 30
EXPERIMENT = "bench"
PAUSE = 0.1  # seconds between two reruns
ALONE, ELSEWHERE, HERE = "no viewer", "ten browsers elsewhere", "ten tabs on this machine"


class Workload(NamedTuple):
    """Reruns of each page; rounds and seconds of watching; epochs of the run, which must outlast them."""

    reruns: int
    rounds: int
    seconds: float
    epochs: int


SHORT, FULL = Workload(20, 2, 8, 5), Workload(200, 6, 20, 20)


def main(argv: list[str] | None = None) -> None:
    workload = FULL if report.options(__doc__ or "", argv).full else SHORT
    report.heading("Pages while a run trains")
    with data.workspace() as reviews:
        for number in range(EARLIER_RUNS):
            record_earlier_run(number)
        config = unfreeze_loop.config(reviews, epochs=workload.epochs)
        # The server trains what it finds in the queue.
        run_id = tracking.create_run(config, EXPERIMENT, EXPERIMENT, time.time())
        with ServerProcess(paths.home()) as server:
            progress(run_id)
            figures = time_reruns(server.address, run_id, workload)
            figures |= time_viewers(server.address, run_id, workload)
    report.result("page_latency", **figures)


def record_earlier_run(number: int) -> None:
    """Record a finished run of 200 training points and 20 evaluations, without training."""
    mode = ("full", "last-layer", "gradual")[number % 3]
    config = FineTuneConfig(
        mode=mode, checkpoint="starter", seed=number // 3, **vars(mode_defaults(mode))
    )
    with tracking.Recorder(tracking.create_run(config, "earlier", "Earlier")) as recorder:
        recorder.write(Started({"steps": 200, "steps_per_epoch": 50, "train_texts": 1600}))
        for step in range(1, 201):
            values = (step, step / 50, step / 10, step * 32, 1 / step, 0.5 + step / 500)
            recorder.write(Step(*values, 0.001))
            if step % 10 == 0:
                recorder.write(Evaluation("val", *values))
        metrics = {"seconds": 25.0, "train_seconds": 20.0, "val_accuracy": 0.9}
        recorder.write(Finished("finished", "Over.", metrics | {"test_accuracy": 0.89}))


def time_reruns(address: str, run_id: str, workload: Workload) -> dict[str, object]:
    """Time each page's rerun; print and return the figures."""
    ended = [ended for ended in tracking.runs()["run_id"] if ended != run_id][:3]
    pages = {
        "Home": ("", ""),
        "Train": ("train", ""),
        "Train, live": ("train", f"run={run_id}"),
        "Compare": ("compare", ""),
        "Compare, live": ("compare", f"experiment={EXPERIMENT}"),
        "Compare, over": ("compare", f"runs={','.join(ended)}"),
        **{name.title(): (name, "") for name in ("predict", "runs", "checkpoints", "data")},
    }
    times: dict[str, list[float]] = {}
    for name, (page, query) in pages.items():
        visitor = Visitor(address)
        visitor.open(page, query)
        times[name] = _milliseconds(visitor.rerun, workload.reruns)
        progress(run_id)
        if visitor.ticks:
            times[f"{name}, tick"] = _milliseconds(visitor.tick, workload.reruns)
        visitor.close()
    report.table(
        ["rerun of a page, ms", "p50", "p95", "longest"],
        [
            [name, *(f"{value:.0f}" for value in np.percentile(values, (50, 95, 100)))]
            for name, values in times.items()
        ],
    )
    p95 = {name: float(np.percentile(values, 95)) for name, values in times.items()}
    overall = float(np.percentile(np.concatenate(list(times.values())), 95))
    return {"rerun_p95_ms": overall, "rerun_p95_ms_by_page": p95}


def _milliseconds(rerun: Callable[[], float], count: int) -> list[float]:
    times = []
    for _ in range(count):
        time.sleep(PAUSE)
        times.append(rerun() * 1000)
    return times


def time_viewers(address: str, run_id: str, workload: Workload) -> dict[str, object]:
    """Time the training with and without viewers; print and return by how much they slow it."""
    viewers: dict[str, Callable[[], AbstractContextManager[object]]] = {
        ALONE: nullcontext,
        ELSEWHERE: lambda: clients(address, run_id),
    }
    if chromium.path():
        viewers[HERE] = lambda: tabs(f"{address}/train?run={run_id}")
    else:
        print(f"{chromium.MISSING}\n")
    results = {name: Throughput() for name in viewers}
    names = list(viewers)
    for _ in range(workload.rounds):
        for name in names:
            with viewers[name]():
                results[name].turns.append(next_steps(run_id, workload.seconds))
        names.append(names.pop(0))  # each begins a round in turn
    ratios = {name: speedups(result, results[ALONE]) for name, result in results.items()}
    report.table(
        ["viewers", "reviews/s", "of the pace without"],
        [
            [name, report.spread(result.by_turn), report.spread(ratios[name], 3)]
            for name, result in results.items()
        ],
    )
    return {
        f"slower_by_{key}": 1 - statistics.median(ratios[name])
        for key, name in (("browsers_elsewhere", ELSEWHERE), ("tabs_here", HERE))
        if name in ratios
    }


@contextmanager
def clients(address: str, run_id: str) -> Iterator[None]:
    """Ten clients that show the run's page and request its fragment each second."""
    over = threading.Event()
    visitors = [Visitor(address) for _ in range(TABS)]
    threads = [threading.Thread(target=visitor.watch, args=(over,)) for visitor in visitors]
    for visitor in visitors:
        visitor.open("train", f"run={run_id}")
    for thread in threads:
        thread.start()
        time.sleep(1 / TABS)  # spread over the second
    try:
        yield
    finally:
        over.set()
        for thread, visitor in zip(threads, visitors, strict=True):
            thread.join()
            visitor.close()


@contextmanager
def tabs(address: str) -> Iterator[None]:
    """Ten tabs of a browser on this machine that show the run's charts."""
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        context = browser.new_context()
        context.set_default_timeout(1000 * START_TIMEOUT)
        for _ in range(TABS):
            page = context.new_page()
            page.goto(address)
            page.wait_for_selector(".uf-plot .scatterlayer .js-line")
        yield
        browser.close()


def next_steps(run_id: str, seconds: float) -> TimedSteps:
    """What the run trains in the next `seconds`, or until its record grows."""
    before = after = progress(run_id)
    end = time.monotonic() + seconds
    while time.monotonic() < end or after == before:
        time.sleep(0.2)
        after = progress(run_id)
    return TimedSteps(after.seconds - before.seconds, after.reviews - before.reviews)


def progress(run_id: str) -> TimedSteps:
    """What the run has trained so far by its record. Raises SystemExit if it has ended."""
    while (run := tracking.run(run_id)).live:
        if "train/seconds" in run.metrics:
            return TimedSteps(run.metrics["train/seconds"], int(run.metrics["train/examples"]))
        time.sleep(0.5)
    raise SystemExit(f"The watched run is {run.status}: {run.message}")


if __name__ == "__main__":
    main(sys.argv[1:])
