"""A simulated labeller: texts that a model chose beside random ones, on real AG News and IMDB, by seed.

    python -m benchmarks.labels.active_learning --short | --full

The labeller answers with the label of the file. Both arms begin with the same ten random texts; then the
chosen arm takes the text that its last layer is least sure of, one at a time, on vectors of a frozen body
(all-MiniLM-L6-v2, and the starter). Both are measured on the same texts of the official test part. The
margin is that of 95% over the seeds, whose start and order of random texts differ.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.encoders import minilm
from benchmarks.harness import data, report
from ftcore import statistics
from ftcore.active_learning import vectors
from ftcore.active_learning.arms import START, Ledger
from ftcore.active_learning.curve import Point
from ftcore.active_learning.learner import Learner
from ftcore.data import datasets
from ftcore.data.text_dataset import TextDataset
from ftcore.events import drain
from ftcore.exchange import huggingface
from ftcore.models import checkpoints
from ftcore.models.checkpoints import Checkpoint


class Sizes(NamedTuple):
    """Texts to choose among, test texts, labels of each arm, and seeds."""

    pool: int
    test: int
    labels: int
    seeds: int


SHORT, FULL = Sizes(1_000, 500, 60, 3), Sizes(8_000, 4_000, 500, 10)
SHOWN = (10, 20, 30, 60, 110, 210, 310, 500)  # labels of an arm, as far as the curve has them
COMPARED = 210  # chosen labels, of which is said how many random ones do the same


def main(argv: list[str] | None = None) -> None:
    sizes = FULL if report.options(__doc__ or "", argv).full else SHORT
    with data.home():
        report.heading("A simulated labeller: chosen texts beside random ones")
        encoder = drain(huggingface.import_encoder(str(minilm())))
        sources = {
            "ag_news": data.archive().parent / "ag_news_csv",
            "imdb": data.archive(),
        }
        for name, source in sources.items():
            for checkpoint in (encoder, checkpoints.find("starter")):
                compare(name, source, checkpoint, sizes)


def compare(name: str, source: Path, checkpoint: Checkpoint, sizes: Sizes) -> None:
    """Measure one dataset with the vectors of one checkpoint, and print."""
    dataset = drain(datasets.load(name, str(source)))
    texts, truth = _sample(dataset, sizes)
    order = np.arange(len(texts))
    parts = list(vectors.in_parts(checkpoint, texts, f"benchmark-{name}", order, lambda _: None))
    curves = [_simulate(parts, truth, dataset.labels, sizes, seed) for seed in range(sizes.seeds)]
    rows = list(_rows(curves))
    print(f"{dataset.title}, {checkpoint.title}: {sizes.seeds} seeds, {sizes.test:,} test texts\n")
    report.table(
        ["labels of each arm", "chosen", "random", "difference, points"],
        [
            [f"{n}", f"{chosen:.1%}", f"{random:.1%}", f"{gain * 100:+.1f} ± {margin * 100:.1f}"]
            for n, chosen, random, gain, margin in rows
            if n in SHOWN
        ],
    )
    report.result(
        "active_learning",
        data=name,
        body=checkpoint.ref,
        labels=[row[0] for row in rows],
        chosen=[row[1] for row in rows],
        random=[row[2] for row in rows],
        margin=[row[4] for row in rows],
        random_labels_for_compared=_random_labels_for(rows),
    )


def _sample(dataset: TextDataset, sizes: Sizes) -> tuple[list[str], list[tuple[str]]]:
    """Texts of the pool, then of the test, drawn at random, and the labels of all."""
    texts: list[str] = []
    labels: list[tuple[str]] = []
    for part, size in ((dataset.train, sizes.pool), (dataset.test, sizes.test)):
        for row in np.random.default_rng(0).permutation(len(part.texts))[:size].tolist():
            texts.append(part.texts[row])
            labels.append((dataset.labels[part.labels[row]],))
    return texts, labels


def _simulate(
    parts: list[tuple[np.ndarray, np.ndarray]],
    truth: list[tuple[str]],
    classes: tuple[str, ...],
    sizes: Sizes,
    seed: int,
) -> list[Point]:
    """Label until both arms have all their labels; return the learning curve."""
    pool = len(truth) - sizes.test
    learner = Learner(np.arange(len(truth)) < pool)
    for rows, found in parts:
        learner.add(rows, found)
    order = np.random.default_rng(seed).permutation(pool).tolist()
    start = {text: truth[text] for text in order[:START]}
    while len(set(start.values())) < 2:  # as on the page: a start of two classes
        start[order[len(start)]] = truth[order[len(start)]]
    held_out = {text: truth[text] for text in range(pool, len(truth))}
    book = Ledger(start, held_out=held_out, done=set(start))
    drawn = iter(order[len(start) :])
    while len(start) + book.pairs < sizes.labels:
        learner.rank(book, classes)
        # The arms do not take each other's texts away: each may label any.
        chosen = next(text for text in learner.ranked if text not in book.chosen)
        random = next(drawn)
        book.chosen[chosen], book.random[random] = truth[chosen], truth[random]
        book.done.add(chosen)
    learner.measure(book, classes)
    return list(learner.points)


def _rows(curves: list[list[Point]]) -> Iterator[tuple[int, float, float, float, float]]:
    """For each number of labels: the mean shares, their difference, and half of its interval over seeds."""
    for points in zip(*curves, strict=True):
        gains = [point.chosen - point.random for point in points]
        interval = statistics.student(gains)
        margin = statistics.width(interval) / 2 if interval else float("nan")
        chosen, random = (
            float(np.mean([getattr(point, arm) for point in points]))
            for arm in ("chosen", "random")
        )
        yield points[0].labels, chosen, random, float(np.mean(gains)), margin


def _random_labels_for(rows: list[tuple[int, float, float, float, float]]) -> int | None:
    """How many random labels reach what COMPARED chosen ones do; None if no measured number does."""
    wanted = next((row[1] for row in rows if row[0] == COMPARED), None)
    if wanted is None:
        return None
    return next((row[0] for row in rows if row[2] >= wanted), None)


if __name__ == "__main__":
    main(sys.argv[1:])
