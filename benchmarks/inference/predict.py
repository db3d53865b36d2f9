"""Predictions, explanations and encoding: how long they take, idle and beside a training run.

    python -m benchmarks.inference.predict --short | --full

A short text: 12 to 15 words, one at a time, as a page asks for it; the run beside it belongs to the
dashboard's own thread and is recorded. Explanations: of the answer to a text of 250 words. Encoding:
the 25,000 training reviews, with an empty cache and again from it.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.harness import data, report
from benchmarks.harness.throughput import milliseconds
from benchmarks.training import unfreeze_loop
from ftcore import tracking
from ftcore.data import datasets
from ftcore.events import drain
from ftcore.inference import explanation, prediction
from ftcore.models import checkpoint_files, checkpoints
from ftcore.runs.scheduler import scheduler
from ftcore.training import encoding

TEXTS = (
    "A slow first hour, but the last scene alone is worth the ticket.",
    "I wanted to like it, and after twenty minutes I wanted my money back.",
    "Good actors, a good book, and somehow nothing good came out of it.",
    "Not the masterpiece they promised, yet far from the disaster I had feared.",
)
WORDS = 250  # of the text that is explained
PAUSE = 0.005  # seconds between two texts, which a person or the training would take


class Counts(NamedTuple):
    """How many short predictions, explanations, reviews predicted in batches, and first encodings."""

    short: int
    explained: int
    reviews: int
    encodings: int


SHORT, FULL = Counts(300, 20, 4_000, 1), Counts(2_000, 100, 25_000, 3)


def main(argv: list[str] | None = None) -> None:
    counts = FULL if report.options(__doc__ or "", argv).full else SHORT
    with data.workspace() as reviews:
        compare(reviews, counts)


def compare(reviews: Path, counts: Counts) -> None:
    """Measure and print."""
    report.heading("Prediction and encoding")
    settings = unfreeze_loop.config(reviews)
    dataset = drain(datasets.load("imdb", str(reviews)))
    start = checkpoints.find(settings.checkpoint)
    new = [replace(dataset, fingerprint=f"{number}") for number in range(counts.encodings)]
    first = [_encode(each, start) for each in new]
    cached = [_encode(new[0], start) for _ in range(3)]

    ref = unfreeze_loop.save_untrained(unfreeze_loop.prepare(settings))
    texts = dataset.train.texts[:: max(1, len(dataset.train.texts) // counts.reviews)]
    long = " ".join(" ".join(texts[:50]).split()[:WORDS])
    short = cycle(TEXTS)
    prediction.predict(ref, texts[:64])  # loads the model
    batches = [len(texts) / _seconds(lambda: prediction.predict(ref, texts)) for _ in range(3)]

    def predict() -> None:
        prediction.predict(ref, [next(short)])

    def explain() -> None:
        explanation.explain(ref, long)

    milliseconds(predict, 20, PAUSE), milliseconds(explain, 2, PAUSE)  # warm up
    times = {"short_idle": milliseconds(predict, counts.short, PAUSE)}
    times["why_idle"] = milliseconds(explain, counts.explained, PAUSE)
    with _training(reviews):
        times["short_busy"] = milliseconds(predict, counts.short, PAUSE)
        times["why_busy"] = milliseconds(explain, counts.explained, PAUSE)

    percentiles = {name: np.percentile(values, (50, 95)) for name, values in times.items()}
    report.table(
        ["one text, ms", "p50", "p95"],
        [[name, *(f"{value:.1f}" for value in pair)] for name, pair in percentiles.items()],
    )
    report.table(
        [f"{len(dataset.train.texts):,} reviews", "median (smallest to largest)"],
        [
            ["encoding, first time", f"{report.spread(first, 2)} s"],
            ["encoding, from the cache", f"{report.spread(cached, 2)} s"],
            [f"prediction of {len(texts):,}", f"{report.spread(batches)} reviews/s"],
        ],
    )
    report.result(
        "predict",
        **{f"{name}_p50_ms": float(p50) for name, (p50, _) in percentiles.items()},
        **{f"{name}_p95_ms": float(p95) for name, (_, p95) in percentiles.items()},
        reviews_per_second=float(np.median(batches)),
        encoding_seconds=float(np.median(first)),
        encoding_cached_seconds=float(np.median(cached)),
    )


def _seconds(work: Callable[[], object]) -> float:
    clock = time.perf_counter()
    work()
    return time.perf_counter() - clock


def _encode(dataset: datasets.TextDataset, start: checkpoints.Checkpoint) -> float:
    """Seconds to encode the training part for a checkpoint."""
    tokenizer = checkpoint_files.load_tokenizer(start)
    test = datasets.Texts(dataset.test.texts[:1], dataset.test.labels[:1])
    return _seconds(lambda: drain(encoding.encode(replace(dataset, test=test), tokenizer)))


@contextmanager
def _training(reviews: Path) -> Iterator[None]:
    """Meanwhile the queue's thread trains all layers."""
    run_id = scheduler.submit(unfreeze_loop.config(reviews, epochs=1000))
    try:
        while (run := tracking.run(run_id)).phase not in ("training", "evaluating"):
            if not run.live:
                raise SystemExit(run.message)
            time.sleep(0.2)
        yield
    finally:
        scheduler.stop(run_id)
        scheduler.shutdown(timeout=60)


if __name__ == "__main__":
    main(sys.argv[1:])
