"""Pages while a training runs: how soon each is there again, and what those who watch cost the training.

    python -m benchmarks.load.pages --short | --full

One run trains all layers on real IMDB in the server's own process, beside 30 earlier runs. A page's rerun is
timed by a client over the WebSocket, from the request to the end of its script; `tick` is the fragment that
a live page asks for each second. Then nobody, ten such clients (ten browsers elsewhere, of which the server
feels nothing but their questions) and ten tabs of chromium on this very machine take turns watching; chromium
is halted in the turns of the others. Reviews a second are those of the run's own clock, without evaluations.
"""

import os
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass

import numpy as np
from playwright.sync_api import sync_playwright

from benchmarks.harness import data, picture, report
from benchmarks.harness.measure import Pace, ratios
from benchmarks.load.dashboard import PATIENCE, Dashboard, serve
from benchmarks.load.visitor import Visitor
from benchmarks.training import ours
from ftcore import tracking
from ftcore.config import FineTuneConfig, mode_defaults
from ftcore.events import Evaluation, Finished, Started, Step

TABS = 10
EARLIER = 30  # runs
EXPERIMENT = "bench"
PAUSE = 0.1  # seconds between a person's clicks, at least
NOBODY, ELSEWHERE, HERE = "nobody watches", "ten browsers elsewhere", "ten tabs on this machine"


@dataclass(frozen=True)
class Plan:
    """Reruns of each page; rounds in which each side watches once, for so many seconds; epochs of the run,
    which must be longer than all that."""

    reruns: int
    rounds: int
    seconds: float
    epochs: int


SHORT, FULL = Plan(20, 2, 8, 5), Plan(200, 6, 20, 20)


def main(argv: list[str] | None = None) -> None:
    plan = FULL if report.options(__doc__ or "", argv).full else SHORT
    report.heading("Pages while a training runs")
    with data.workspace() as reviews:
        for number in range(EARLIER):
            earlier(number)
        with serve() as dashboard:
            run_id = dashboard.submit(ours.config(reviews, epochs=plan.epochs), EXPERIMENT)
            _reached(run_id)
            figures = reruns(dashboard, run_id, plan) | watched(dashboard, run_id, plan)
    report.result("pages", **figures)


def earlier(number: int) -> None:
    """Record a finished run of 200 training points and 20 evaluations, without a training."""
    mode = ("full", "last-layer", "gradual")[number % 3]
    config = FineTuneConfig(
        mode=mode, checkpoint="starter", seed=number // 3, **vars(mode_defaults(mode))
    )
    with tracking.Recorder(tracking.create_run(config, "earlier", "Earlier")) as recorder:
        recorder.write(Started({"steps": 200, "steps_per_epoch": 50, "train_texts": 1600}))
        for step in range(1, 201):
            at = (step, step / 50, step / 10, step * 32, 1 / step, 0.5 + step / 500)
            recorder.write(Step(*at, 0.001))
            if step % 10 == 0:
                recorder.write(Evaluation("val", *at))
        accuracies = {"val_accuracy": 0.9, "test_accuracy": 0.89}
        times = {"seconds": 25.0, "train_seconds": 20.0}
        recorder.write(Finished("finished", "Over.", times | accuracies))


def reruns(dashboard: Dashboard, run_id: str, plan: Plan) -> dict[str, float]:
    """Time each page's rerun, print and return it."""
    ended = [one for one in tracking.runs()["run_id"] if one != run_id][:3]
    pages = {
        "Home": ("", ""),
        "Train": ("train", ""),
        "Train, live": ("train", f"run={run_id}"),
        "Compare": ("compare", ""),
        "Compare, live": ("compare", f"experiment={EXPERIMENT}"),
        "Compare, over": ("compare", f"runs={','.join(ended)}"),
        "Predict": ("predict", ""),
        "Runs": ("runs", ""),
        "Checkpoints": ("checkpoints", ""),
        "Data": ("data", ""),
    }
    times: dict[str, list[float]] = {}
    for name, (page, query) in pages.items():
        visitor = Visitor(dashboard.address)
        visitor.open(page, query)
        times[name] = [_timed(visitor.rerun) for _ in range(plan.reruns)]
        _reached(run_id)
        if visitor.ticks:
            times[f"{name}, tick"] = [_timed(visitor.tick) for _ in range(plan.reruns)]
        visitor.close()
    report.table(
        ["rerun of a page, ms", "p50", "p95", "longest"],
        [
            [name, *(f"{np.percentile(one, share):.0f}" for share in (50, 95, 100))]
            for name, one in times.items()
        ],
    )
    by_page = {name: report.short(float(np.percentile(one, 95))) for name, one in times.items()}
    every = np.concatenate(list(times.values()))
    return {
        "rerun_p95_ms": report.short(float(np.percentile(every, 95))),
        "rerun_p95_ms_by_page": by_page,  # type: ignore[dict-item]
    }


def _timed(rerun: Callable[[], float]) -> float:
    """Milliseconds."""
    time.sleep(PAUSE)
    return rerun() * 1000


def watched(dashboard: Dashboard, run_id: str, plan: Plan) -> dict[str, float]:
    """Time the training with and without those who watch it, print and return it."""
    address = f"{dashboard.address}/train?run={run_id}"
    sides: dict[str, Callable[[], AbstractContextManager[object]]] = {}
    paces: dict[str, Pace] = {}
    with ExitStack() as stack:
        sides[NOBODY] = ExitStack
        sides[ELSEWHERE] = lambda: clients(dashboard.address, run_id)
        if picture.browser():
            tabs = stack.enter_context(chromium(address))
            sides[HERE] = lambda: going(tabs)
        else:
            print("No chromium: install it, or name it with CHROMIUM.\n")
        names = list(sides)
        for number in range(plan.rounds):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                with sides[name]():
                    time.sleep(1)  # what was halted catches up
                    pace = paces.setdefault(name, Pace())
                    seconds, reviews = _stretch(run_id, plan.seconds)
                    pace.seconds.append(seconds)
                    pace.reviews.append(reviews)
    report.table(
        ["who watches", "reviews/s", "of the pace of nobody"],
        [
            [name, report.spread(pace.turns), report.spread(ratios(pace, paces[NOBODY]), 3)]
            for name, pace in paces.items()
        ],
    )
    return {
        f"slower_by_{key}": report.short(1 - statistics.median(ratios(paces[name], paces[NOBODY])))
        for key, name in (("browsers_elsewhere", ELSEWHERE), ("tabs_here", HERE))
        if name in paces
    }


@contextmanager
def clients(address: str, run_id: str) -> Iterator[None]:
    """Ten pages of the run, open and asking each second."""
    over = threading.Event()
    visitors = [Visitor(address) for _ in range(TABS)]
    for visitor in visitors:
        visitor.open("train", f"run={run_id}")
    threads = [threading.Thread(target=one.watch, args=(over,)) for one in visitors]
    for thread in threads:
        thread.start()
        time.sleep(1 / TABS)  # nobody opens ten at the same instant
    try:
        yield
    finally:
        over.set()
        for thread, visitor in zip(threads, visitors, strict=True):
            thread.join()
            visitor.close()


@contextmanager
def chromium(address: str) -> Iterator[list[int]]:
    """Ten tabs that show the run's charts, in a browser that is halted; its processes."""
    with sync_playwright() as playwright:
        browser = picture.launch(playwright)
        context = browser.new_context()
        for _ in range(TABS):
            page = context.new_page()
            page.goto(address, timeout=1000 * PATIENCE)
            page.wait_for_selector(".uf-plot .scatterlayer .js-line", timeout=1000 * PATIENCE)
        asked = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
        processes = [one["id"] for one in asked["processInfo"]]
        _signal(processes, signal.SIGSTOP)
        try:
            yield processes
        finally:
            _signal(processes, signal.SIGCONT)
            browser.close()


@contextmanager
def going(halted: list[int]) -> Iterator[None]:
    """Let a halted browser go on meanwhile."""
    _signal(halted, signal.SIGCONT)
    try:
        yield
    finally:
        _signal(halted, signal.SIGSTOP)


def _signal(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # a helper of the browser that is done
            os.kill(process, number)


def _stretch(run_id: str, seconds: float) -> tuple[float, int]:
    """Seconds of training, and reviews, of the next `seconds`."""
    before = after = _reached(run_id)
    end = time.monotonic() + seconds
    while time.monotonic() < end or after == before:
        time.sleep(0.2)
        after = _reached(run_id)
    return after[0] - before[0], int(after[1] - before[1])


def _reached(run_id: str) -> tuple[float, float]:
    """Of the last step in the record: seconds of training, reviews."""
    while (run := tracking.run(run_id)).live:
        if "train/seconds" in run.metrics:
            return run.metrics["train/seconds"], run.metrics["train/examples"]
        time.sleep(0.5)
    raise SystemExit(f"The run that was to be watched is {run.status}: {run.message}")


if __name__ == "__main__":
    main(sys.argv[1:])
