"""Seconds and memory of the search for near duplicates, and how many of planted ones it finds.

python -m benchmarks.data.near_duplicates --short     10,000 reviews of IMDB
python -m benchmarks.data.near_duplicates --full      100,000, those without a label among them
"""

import random
import sys
import tarfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.harness import data, machine, report
from ftcore.data.findings import copies, near_duplicates
from ftcore.data.findings.finding import TRAIN, LabelledTexts
from ftcore.events import drain

PLANTED = 0.05  # of the texts
CHANGED = 0.02  # of the words of a planted one


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    measure(data.archive().parent, 100_000 if full else 10_000)


def measure(folder: Path, size: int) -> None:
    """Search `size` texts, 5% of them changed copies of others; print what it took."""
    report.heading("Near duplicates")
    texts = list(islice(read_reviews(folder), round(size / (1 + PLANTED))))
    rng = random.Random(0)
    planted = rng.sample(texts, round(len(texts) * PLANTED))
    first = len(texts)
    texts += [change(text, rng) for text in planted]
    columns = LabelledTexts(
        texts, np.zeros(len(texts), np.int64), np.full(len(texts), TRAIN, np.uint8)
    )
    before = machine.megabytes("VmHWM")
    start, cpu = time.perf_counter(), time.process_time()
    keys = drain(copies.keys(texts))
    is_copy = copies.originals(keys, columns.parts) != np.arange(len(texts))
    copied = time.perf_counter()
    same, _ = drain(near_duplicates.find(columns, is_copy))
    end, cpu = time.perf_counter(), time.process_time() - cpu
    figures = {
        "texts": len(texts),
        "megabytes_of_texts": sum(map(len, texts)) / 1e6,
        "copies_seconds": copied - start,
        "near_duplicates_seconds": end - copied,
        "cpu_seconds": cpu,
        "added_megabytes": machine.megabytes("VmHWM") - before,
        "copies": int(is_copy.sum()),
        "recall": float((same.rows >= first).sum() / len(planted)),
        "near_duplicates_besides": int((same.rows < first).sum()),
    }
    report.table(["", "value"], [[name, f"{value:,.4g}"] for name, value in figures.items()])
    report.result("near_duplicates", **figures)


def read_reviews(folder: Path) -> Iterator[str]:
    """Yield the labelled reviews, and then those without a label if they are there."""
    for name in ("aclImdb.tar.gz", "aclImdb_unsup.tar.gz"):
        if not (folder / name).is_file():
            continue
        with tarfile.open(folder / name) as tar:
            for member in filter(tarfile.TarInfo.isreg, tar):
                file = tar.extractfile(member)
                if file and member.name.endswith(".txt") and len(Path(member.name).parts) == 4:
                    yield file.read().decode()


def change(text: str, rng: random.Random) -> str:
    """Replace some words of a text."""
    words = text.split()
    for place in rng.sample(range(len(words)), max(1, round(CHANGED * len(words)))):
        words[place] = "unusual"
    return " ".join(words)


if __name__ == "__main__":
    main(sys.argv[1:])
