"""The cost of training by number of reviews and by their length.

    python -m benchmarks.training.scaling --short | --full

By number: an epoch over that many real reviews. By length: the same tokens cut anew, so that every
text has exactly that many. Full mode, the Quick preset. Repeats take turns.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from benchmarks.harness import data, machine, report
from benchmarks.training import unfreeze_loop
from ftcore.text.batches import Tokens
from ftcore.training import row_classifier
from ftcore.training.preparation import TrainingSetup

LENGTHS = (64, 128, 256, 512, 1024)
FUSED_ATTENTION = {  # which PyTorch's own counter passes over on a CPU
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda q, k, v, *_, **__: sdpa_flop_count(q, k, v)
    ),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        lambda out, q, k, v, *_, **__: sdpa_backward_flop_count(out, q, k, v)
    ),
}


class Sizes(NamedTuple):
    """Numbers of reviews (0: all), tokens for each length, and repeats."""

    reviews: tuple[int, ...]
    tokens: int
    repeats: int


SHORT = Sizes((1_000, 2_000, 4_000, 8_000), 262_144, 2)
FULL = Sizes((1_000, 2_000, 4_000, 8_000, 16_000, 0), 1_048_576, 3)


@dataclass
class EpochCost:
    """Seconds of an epoch of a run, repeated."""

    run: TrainingSetup
    seconds: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Train an epoch from the pretrained weights."""
        steps = unfreeze_loop.train(unfreeze_loop.copy_run(self.run))
        self.seconds.append(sum(step.seconds for step in steps))

    def figures(self) -> dict[str, float]:
        lengths = self.run.train.lengths(self.run.config.truncation)
        tokens = int(lengths[self.run.train_rows.to(lengths.device)].sum())
        pace = tokens / median(self.seconds)
        return {
            "texts": len(self.run.train_rows),
            "length": self.run.config.max_length,
            "tokens": tokens,
            "seconds": median(self.seconds),
            "tokens_per_second": pace,
            "gigaflops": operations(self.run) * pace / 1e9,
        }


def main(argv: list[str] | None = None) -> None:
    sizes = FULL if report.options(__doc__ or "", argv).full else SHORT
    with data.workspace() as reviews:
        compare(reviews, sizes, LENGTHS)


def compare(reviews: Path, sizes: Sizes, lengths: tuple[int, ...]) -> None:
    """Measure and print the costs by number of reviews and by length."""
    report.heading("Cost by number of reviews and by length")
    prepared = unfreeze_loop.prepare(unfreeze_loop.config(reviews, epochs=1, evaluations=1))
    costs = [
        EpochCost(replace(prepared, train_rows=prepared.train_rows[: number or None]))
        for number in sizes.reviews
    ]
    costs += [EpochCost(cut(prepared, length, sizes.tokens)) for length in lengths]
    EpochCost(costs[0].run).measure()  # warms up
    limits = [machine.limit(prepared.precision)]
    for _ in range(sizes.repeats):
        for cost in costs:
            cost.measure()
        limits.append(machine.limit(prepared.precision))

    figures = [cost.figures() for cost in costs]
    columns = ["texts", "tokens a text, at most", "tokens read", "seconds an epoch", "tokens/s"]
    report.table(
        [*columns, "GFLOP/s", "of the limit"],
        [
            [
                *(f"{row[name]:,.0f}" for name in ("texts", "length", "tokens")),
                report.spread(cost.seconds, 2),
                *(f"{row[name]:,.0f}" for name in ("tokens_per_second", "gigaflops")),
                f"{row['gigaflops'] / median(limits):.0%}",
            ]
            for cost, row in zip(costs, figures, strict=True)
        ],
    )
    print(
        f"The limit: {report.spread(limits, 0)} GFLOP/s, the product of two large "
        f"{prepared.precision} matrices on this machine.\n"
    )
    count = len(sizes.reviews)
    parts = {"by_number": figures[:count], "by_length": figures[count:]}
    report.result("scaling", **parts, limit_gigaflops=median(limits))


def cut(prepared: TrainingSetup, length: int, tokens: int) -> TrainingSetup:
    """A run over the reviews' tokens in a row, cut into texts of `length` tokens."""
    texts = max(1, tokens // length)
    ids = np.resize(prepared.train.ids.cpu().numpy(), texts * length)
    packed = Tokens.pack(ids, np.arange(0, len(ids) + 1, length, dtype=np.int64), [0, 1] * texts)
    return replace(
        prepared,
        config=replace(prepared.config, max_length=length),
        train=replace(packed, labels=packed.labels[:texts]).to(prepared.device),
        train_rows=torch.arange(texts),
        val_rows=torch.arange(min(texts, 8)),
    )


def operations(run: TrainingSetup) -> float:
    """Operations of matrix products for a token, forward and backward, counted on one batch."""
    run = unfreeze_loop.copy_run(run)
    run.model.embedding.requires_grad_(run.config.train_embeddings)
    classifier = row_classifier.whole_model(
        run.model, run.train, run.config.truncation, run.precision
    )
    rows = run.train_rows[: run.config.batch_size].to(run.device)
    classifier.network.train()
    with FlopCounterMode(display=False, custom_mapping=FUSED_ATTENTION) as counter:
        F.cross_entropy(classifier.scores(rows), classifier.labels[rows]).backward()
    return counter.get_total_flops() / int(classifier.lengths[rows.cpu()].sum())


if __name__ == "__main__":
    main(sys.argv[1:])
