"""What training costs by the number of reviews and by their length.

    python -m benchmarks.training.scaling --short
    python -m benchmarks.training.scaling --full --picture docs/images/scaling.svg

By number: an epoch over that many real reviews. By length: the same tokens cut anew, so that every
text has exactly that many. Full mode, the Quick preset. Repeats take turns.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import numpy as np
import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from plotly.subplots import make_subplots
from torch.utils.flop_counter import (
    FlopCounterMode,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

from benchmarks.harness import data, machine, picture, report
from benchmarks.training import ours
from ftcore.text.batches import Tokens
from ftcore.training import learners
from ftcore.training.preparation import Run

LENGTHS = (64, 128, 256, 512, 1024)
FUSED = {  # which PyTorch's own counter passes over on a CPU
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda q, k, v, *_, **__: sdpa_flop_count(q, k, v)
    ),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        lambda out, q, k, v, *_, **__: sdpa_backward_flop_count(out, q, k, v)
    ),
}
BLUE = "#2563EB"  # full fine-tuning, as everywhere


@dataclass(frozen=True)
class Plan:
    """Numbers of reviews (0 is all), tokens of each length, and repeats."""

    reviews: tuple[int, ...]
    tokens: int
    repeats: int


SHORT = Plan((1_000, 2_000, 4_000, 8_000), 262_144, 2)
FULL = Plan((1_000, 2_000, 4_000, 8_000, 16_000, 0), 1_048_576, 3)


@dataclass
class Cost:
    """An epoch over `texts` texts with `tokens` tokens in all, `read` as max_length; repeated."""

    run: Run
    seconds: list[float] = field(default_factory=list)

    @property
    def texts(self) -> int:
        return len(self.run.train_rows)

    @property
    def tokens(self) -> int:
        """Those that are read."""
        lengths = self.run.train.lengths(self.run.config.window)
        return int(lengths[self.run.train_rows.to(lengths.device)].sum())

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.median


def main(argv: list[str] | None = None) -> None:
    options = report.options(__doc__ or "", argv, picture="draw the figures into this SVG file")
    with data.workspace() as reviews:
        by_number, by_length = compare(reviews, FULL if options.full else SHORT, LENGTHS)
    if options.picture:
        picture.save(figure(by_number, by_length), Path(options.picture))


def compare(reviews: Path, plan: Plan, lengths: tuple[int, ...]) -> tuple[list[Cost], list[Cost]]:
    """Measure and print: the costs by number of reviews, then those by length."""
    report.heading("Cost by number of reviews and by length")
    prepared = ours.prepare(ours.config(reviews, epochs=1, evaluations=1))
    rows = prepared.train_rows
    by_number = [
        Cost(replace(prepared, train_rows=rows[: number or None])) for number in plan.reviews
    ]
    by_length = [Cost(_cut(prepared, length, plan.tokens)) for length in lengths]
    list(ours.stretches(ours.fresh(by_number[0].run)))  # warms up
    limits = [machine.limit(prepared.number_format)]
    for _ in range(plan.repeats):
        for cost in (*by_number, *by_length):
            stretches = ours.stretches(ours.fresh(cost.run))
            cost.seconds.append(sum(stretch.seconds for stretch in stretches))
        limits.append(machine.limit(prepared.number_format))
    limit = median(limits)

    report.table(
        ["reviews", "tokens read", "seconds an epoch", "reviews/s", "tokens/s"],
        [
            [
                f"{cost.texts:,}",
                f"{cost.tokens:,}",
                report.spread(cost.seconds, 2),
                f"{cost.texts / cost.median:,.0f}",
                f"{cost.tokens_per_second:,.0f}",
            ]
            for cost in by_number
        ],
    )
    speeds = [_operations(cost.run) * cost.tokens_per_second / 1e9 for cost in by_length]
    report.table(
        ["tokens a text", "texts", "seconds", "tokens/s", "GFLOP/s", "of the limit"],
        [
            [
                cost.run.config.max_length,
                cost.texts,
                report.spread(cost.seconds, 2),
                f"{cost.tokens_per_second:,.0f}",
                f"{speed:,.0f}",
                f"{speed / limit:.0%}",
            ]
            for cost, speed in zip(by_length, speeds, strict=True)
        ],
    )
    print(
        f"The limit: {report.spread(limits, 0)} GFLOP/s, the product of two large {prepared.number_format} "
        "matrices on this machine.\n"
    )
    report.result(
        "scaling",
        by_number=[_figures(cost) for cost in by_number],
        by_length=[
            {"length": cost.run.config.max_length, "gigaflops": report.short(speed)}
            | _figures(cost)
            for cost, speed in zip(by_length, speeds, strict=True)
        ],
        limit_gigaflops=report.short(limit),
    )
    return by_number, by_length


def figure(by_number: list[Cost], by_length: list[Cost]) -> go.Figure:
    """Seconds by number of reviews, tokens a second by length."""
    drawn = make_subplots(
        1,
        2,
        horizontal_spacing=0.12,
        subplot_titles=("Seconds an epoch, by reviews", "Tokens a second, by tokens of a text"),
    )
    for column, x, y in (
        (1, [cost.texts for cost in by_number], [cost.median for cost in by_number]),
        (
            2,
            [cost.run.config.max_length for cost in by_length],
            [cost.tokens_per_second for cost in by_length],
        ),
    ):
        drawn.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            line={"color": BLUE},
            marker={"size": 8},
            row=1,
            col=column,
        )
    drawn.update_xaxes(
        type="log", tickvals=[cost.run.config.max_length for cost in by_length], col=2
    )
    drawn.update_xaxes(rangemode="tozero", col=1)
    drawn.update_yaxes(rangemode="tozero")
    drawn.update_layout(
        template="plotly_white",
        showlegend=False,
        width=900,
        height=340,
        margin={"l": 50, "r": 20, "t": 40, "b": 40},
    )
    return drawn


def _cut(prepared: Run, length: int, tokens: int) -> Run:
    """The reviews' tokens in a row, cut into texts of `length` tokens."""
    texts = max(1, tokens // length)
    ids = np.resize(prepared.train.ids.cpu().numpy(), texts * length)
    cut = Tokens.pack(ids, np.arange(0, len(ids) + 1, length, dtype=np.int64), [0, 1] * texts)
    cut = replace(cut, labels=cut.labels[:texts]).to(prepared.device)
    return replace(
        prepared,
        config=replace(prepared.config, max_length=length),
        train=cut,
        train_rows=torch.arange(texts),
        val_rows=torch.arange(min(texts, 8)),
    )


def _operations(run: Run) -> float:
    """Operations of matrix products for a token, forward and backward, counted on one batch."""
    run = ours.fresh(run)
    run.model.embedding.requires_grad_(run.config.train_embeddings)
    learner = learners.whole_model(
        run.model, run.train, run.config.window, run.device, run.number_format
    )
    rows = run.train_rows[: run.config.batch_size].to(run.device)
    learner.net.train()
    with FlopCounterMode(display=False, custom_mapping=FUSED) as counter:
        F.cross_entropy(learner.logits(rows), learner.labels[rows]).backward()
    return counter.get_total_flops() / int(learner.lengths[rows.cpu()].sum())


def _figures(cost: Cost) -> dict[str, float]:
    return {
        "texts": cost.texts,
        "tokens": cost.tokens,
        "seconds": report.short(cost.median),
        "tokens_per_second": report.short(cost.tokens_per_second),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
