"""Predictions, reasons and encoding: how long they take, idle and beside a training run.

    python -m benchmarks.inference.predict --short | --full

A short text: 12 to 15 words, one at a time, as a page asks for it; the run beside it is one of the
dashboard's own thread, with its record. Reasons: those for the answer to a text of 250 words. Encoding:
the 25,000 training reviews, with an empty cache and again from it.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.harness import data, report
from benchmarks.training import ours
from ftcore.data import datasets
from ftcore.events import Evaluation, drain
from ftcore.inference import explanation, prediction
from ftcore.models import checkpoints
from ftcore.runs.scheduler import scheduler
from ftcore.text import vocabulary
from ftcore.training import encoding, loop
from ftcore.training.preparation import Run

TEXTS = (
    "A slow first hour, but the last scene alone is worth the ticket.",
    "I wanted to like it, and after twenty minutes I wanted my money back.",
    "Good actors, a good book, and somehow nothing good came out of it.",
    "Not the masterpiece they promised, yet far from the disaster I had feared.",
)
WORDS = 250  # of the text that is explained


@dataclass(frozen=True)
class Plan:
    """Short predictions, explained texts, reviews predicted in batches, repeats of encoding."""

    short: int
    reasons: int
    reviews: int
    repeats: int


SHORT, FULL = Plan(300, 20, 4_000, 1), Plan(2_000, 100, 25_000, 3)


def main(argv: list[str] | None = None) -> None:
    plan = FULL if report.options(__doc__ or "", argv).full else SHORT
    with data.workspace() as reviews:
        compare(reviews, plan)


def compare(reviews: Path, plan: Plan) -> None:
    """Measure and print."""
    report.heading("Prediction and encoding")
    settings = ours.config(reviews)
    dataset = drain(datasets.load("imdb", str(reviews)))
    vocab = checkpoints.load_vocabulary(checkpoints.find(settings.checkpoint))
    first = [_encoding(replace(dataset, fingerprint=f"{n}"), vocab) for n in range(plan.repeats)]
    cached = [_encoding(replace(dataset, fingerprint="0"), vocab) for _ in range(3)]

    ref = _checkpoint(ours.prepare(settings))
    some = dataset.train.texts[:: max(1, len(dataset.train.texts) // plan.reviews)]
    prediction.predict(ref, some[:64])  # loads the model
    batches = [_batches(ref, some) for _ in range(3)]
    long = " ".join(" ".join(some[:50]).split()[:WORDS])
    _one_at_a_time(ref, 20)
    _reasons(ref, long, 2)
    times = {"short_idle": _one_at_a_time(ref, plan.short)}
    times["why_idle"] = _reasons(ref, long, plan.reasons)
    with _run_beside(reviews):
        times["short_busy"] = _one_at_a_time(ref, plan.short)
        times["why_busy"] = _reasons(ref, long, plan.reasons)

    shares = {
        f"{name}_p{share}_ms": float(np.percentile(found, share))
        for name, found in times.items()
        for share in (50, 95)
    }
    titles = {
        "short_idle": "short, idle",
        "short_busy": "short, beside a run",
        "why_idle": f"why, {WORDS} words, idle",
        "why_busy": "the same beside a run",
    }
    report.table(
        ["one text", "p50", "p95"],
        [
            [title, *(f"{shares[f'{name}_p{share}_ms']:.1f} ms" for share in (50, 95))]
            for name, title in titles.items()
        ],
    )
    report.table(
        [f"{len(dataset.train.texts):,} reviews", "median (smallest to largest)"],
        [
            ["encoding, first time", f"{report.spread(first, 2)} s"],
            ["encoding, from the cache", f"{report.spread(cached, 2)} s"],
            [f"prediction of {len(some):,}", f"{report.spread(batches)} reviews/s"],
        ],
    )
    figures = shares | {
        "reviews_per_second": float(np.median(batches)),
        "encoding_seconds": float(np.median(first)),
        "encoding_cached_seconds": float(np.median(cached)),
    }
    report.result("predict", **{name: report.short(value) for name, value in figures.items()})


def _encoding(dataset: datasets.TextDataset, vocab: vocabulary.Vocab) -> float:
    """Seconds to encode the training part."""
    few = datasets.Texts(dataset.test.texts[:1], dataset.test.labels[:1])
    clock = time.perf_counter()
    drain(encoding.encode(replace(dataset, test=few), vocab))
    return time.perf_counter() - clock


def _checkpoint(run: Run) -> str:
    """Save the untrained two-class model, which predicts as fast as a trained one."""
    events = loop.fit(ours.fresh(run))
    next(event for event in events if isinstance(event, Evaluation))
    next(events)  # saving
    events.close()
    return run.ref


def _batches(ref: str, texts: list[str]) -> float:
    """Reviews a second."""
    clock = time.perf_counter()
    prediction.predict(ref, texts)
    return len(texts) / (time.perf_counter() - clock)


def _one_at_a_time(ref: str, count: int) -> list[float]:
    """Milliseconds of each of `count` predictions, from the text to the answer."""
    times = []
    for number in range(count):
        clock = time.perf_counter()
        prediction.predict(ref, [TEXTS[number % len(TEXTS)]])
        times.append((time.perf_counter() - clock) * 1000)
        time.sleep(0.005)  # somebody types; also lets the trainer have its turn
    return times


def _reasons(ref: str, text: str, count: int) -> list[float]:
    """Milliseconds of each of `count` explanations of the text."""
    times = []
    for _ in range(count):
        clock = time.perf_counter()
        explanation.explain(ref, text)
        times.append((time.perf_counter() - clock) * 1000)
    return times


@contextmanager
def _run_beside(reviews: Path) -> Iterator[None]:
    """Meanwhile the dashboard's own thread trains all layers."""
    from ftcore import tracking

    run_id = scheduler.submit(ours.config(reviews, epochs=1000))  # longer than anybody measures
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
