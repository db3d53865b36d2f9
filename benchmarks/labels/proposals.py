"""How soon the next text is there: from a label on disk to a proposal among 100,000 texts without a label.

    python -m benchmarks.labels.proposals --short | --full

The texts are numbered sentences of our own in the store, with 384 random numbers each as vectors: neither
changes what a proposal takes. The model learns from each label meanwhile, in its thread, as on the page.
"""

import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.harness import data, report
from ftcore.active_learning import vectors
from ftcore.active_learning.proposer import Proposer
from ftcore.data import datasets
from ftcore.data.store import labelling
from ftcore.data.store.labelling import Change
from ftcore.data.store.request import Request
from ftcore.events import drain
from ftcore.models import checkpoints

DIM, CLASSES = 384, ("a", "b", "c", "d")
PAUSE = 0.3  # seconds between two labels of a quick person


class Sizes(NamedTuple):
    """Texts without a label, and labels that are given."""

    texts: int
    labels: int


SHORT, FULL = Sizes(20_000, 60), Sizes(100_000, 400)


def main(argv: list[str] | None = None) -> None:
    sizes = FULL if report.options(__doc__ or "", argv).full else SHORT
    with data.home() as folder:
        measure(folder, sizes)


def measure(folder: Path, sizes: Sizes) -> None:
    """Label texts and print how long each took."""
    report.heading(f"Proposals among {sizes.texts:,} texts without a label")
    file = folder / "texts.csv"
    file.write_text("\n".join(["text", *(f"Sentence {n} of many." for n in range(sizes.texts))]))
    card = drain(datasets.add(Request("many", str(file))))
    labelling.define_classes(card, CLASSES, "benchmark")
    vectors.in_parts = _random_vectors  # type: ignore[assignment]
    proposer = Proposer(card, checkpoints.find("starter"))
    proposal = proposer.next("visitor")
    seconds, arms = [], []
    for number in range(sizes.labels):
        assert proposal is not None
        arms.append(proposal.arm)
        label = CLASSES[number % len(CLASSES)]
        time.sleep(PAUSE)
        clock = time.perf_counter()
        labelling.change(card, [Change(proposal.text, (label,), proposal.arm)], "benchmark")
        proposer.labelled()
        proposal = proposer.next("visitor")
        seconds.append(time.perf_counter() - clock)
    p50, p95, most = (float(np.percentile(seconds, share)) * 1000 for share in (50, 95, 100))
    counts = ", ".join(f"{arms.count(arm):,} {arm}" for arm in dict.fromkeys(arms))
    print(f"{sizes.labels:,} labels: {counts}\n")
    report.table(
        ["from a label to the next text, ms", "p50", "p95", "most"],
        [["label on disk, next text", f"{p50:.1f}", f"{p95:.1f}", f"{most:.1f}"]],
    )
    report.result(
        "proposals", texts=sizes.texts, p50_ms=p50, p95_ms=p95, most_ms=most, labels=sizes.labels
    )


def _random_vectors(checkpoint, texts, fingerprint, order, on_event):  # type: ignore[no-untyped-def]
    """Stands in for `vectors.in_parts`."""
    yield np.sort(order), np.random.default_rng(0).normal(size=(len(order), DIM)).astype(np.float32)


if __name__ == "__main__":
    main(sys.argv[1:])
