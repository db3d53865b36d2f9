"""How fast pages rerun while a run trains.

    python -m benchmarks.load.page_latency --short | --full

One run trains all layers on real IMDB in the server's own process, beside 30 earlier runs. A page's rerun
is timed by a client over the WebSocket, from the request to the end of its script; `tick` is the fragment
that a live page requests each second.
"""

import sys
import time

import numpy as np

from benchmarks.harness import data, report
from benchmarks.harness.server_process import ServerProcess
from benchmarks.harness.throughput import milliseconds
from benchmarks.load.simulated_visitor import Visitor
from benchmarks.training import unfreeze_loop
from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.events import Evaluation, Finished, Started, Step
from ftcore.modes import mode_defaults

EARLIER_RUNS = 30
EXPERIMENT = "bench"
PAUSE = 0.1  # seconds between two reruns


def main(argv: list[str] | None = None) -> None:
    reruns, epochs = (200, 20) if report.options(__doc__ or "", argv).full else (20, 5)
    report.heading("Pages while a run trains")
    with data.workspace() as reviews:
        for number in range(EARLIER_RUNS):
            record_earlier_run(number)
        config = unfreeze_loop.config(reviews, epochs=epochs)
        # The server trains what it finds in the queue.
        run_id = tracking.create_run(config, EXPERIMENT, EXPERIMENT, time.time())
        with ServerProcess(paths.home()) as server:
            wait_until_training(run_id)
            time_reruns(server.address, run_id, reruns)


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


def time_reruns(address: str, run_id: str, reruns: int) -> None:
    """Time each page's rerun; print the figures."""
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
        times[name] = milliseconds(visitor.rerun, reruns, PAUSE)
        wait_until_training(run_id)
        if visitor.ticks:
            times[f"{name}, tick"] = milliseconds(visitor.tick, reruns, PAUSE)
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
    report.result("page_latency", rerun_p95_ms=overall, rerun_p95_ms_by_page=p95)


def wait_until_training(run_id: str) -> None:
    """Wait until the run has trained a step. Raises SystemExit if it has ended."""
    while (run := tracking.run(run_id)).live:
        if "train/seconds" in run.metrics:
            return
        time.sleep(0.5)
    raise SystemExit(f"The watched run is {run.status}: {run.message}")


if __name__ == "__main__":
    main(sys.argv[1:])
