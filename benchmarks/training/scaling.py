"""The cost of training by number of reviews and by their length.

    python -m benchmarks.training.scaling --short
    python -m benchmarks.training.scaling --full --picture docs/images/scaling.svg

By number: an epoch over that many real reviews. By length: the same tokens cut anew, so that every
text has exactly that many. Full mode, the Quick preset. Repeats take turns.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import plotly.express as px
import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from benchmarks.harness import chromium, data, machine, report
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
BLUE = "#2563EB"  # the dashboard's color of full fine-tuning
TITLES = ("Seconds an epoch, by reviews", "Tokens a second, by tokens of a text")


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
    options = report.options(__doc__ or "", argv, picture="draw the figures into this SVG file")
    with data.workspace() as reviews:
        figures = compare(reviews, FULL if options.full else SHORT, LENGTHS)
    if options.picture:
        chromium.save_svg(figure(*figures), Path(options.picture))


def compare(
    reviews: Path, sizes: Sizes, lengths: tuple[int, ...]
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    """Measure and print the costs by number of reviews and by length; return the figures of both."""
    report.heading("Cost by number of reviews and by length")
    prepared = unfreeze_loop.prepare(unfreeze_loop.config(reviews, epochs=1, evaluations=1))
    costs = [
        EpochCost(replace(prepared, train_rows=prepared.train_rows[: number or None]))
        for number in sizes.reviews
    ]
    costs += [EpochCost(cut(prepared, length, sizes.tokens)) for length in lengths]
    EpochCost(costs[0].run).measure()  # warms up
    limits = [machine.limit(prepared.number_format)]
    for _ in range(sizes.repeats):
        for cost in costs:
            cost.measure()
        limits.append(machine.limit(prepared.number_format))

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
        f"{prepared.number_format} matrices on this machine.\n"
    )
    by_number, by_length = figures[: len(sizes.reviews)], figures[len(sizes.reviews) :]
    report.result(
        "scaling", by_number=by_number, by_length=by_length, limit_gigaflops=median(limits)
    )
    return by_number, by_length


def figure(by_number: list[dict[str, float]], by_length: list[dict[str, float]]) -> go.Figure:
    """Seconds by number of reviews, tokens a second by length."""
    points = [(TITLES[0], row["texts"], row["seconds"]) for row in by_number]
    points += [(TITLES[1], row["length"], row["tokens_per_second"]) for row in by_length]
    titles, x, y = zip(*points, strict=True)
    drawn = px.line(x=x, y=y, facet_col=titles, markers=True, color_discrete_sequence=[BLUE])
    drawn.for_each_annotation(lambda title: title.update(text=title.text.partition("=")[2]))
    drawn.update_xaxes(matches=None, title="")
    drawn.update_xaxes(rangemode="tozero", col=1)
    drawn.update_xaxes(type="log", tickvals=[row["length"] for row in by_length], col=2)
    drawn.update_yaxes(matches=None, title="", rangemode="tozero", showticklabels=True)
    return drawn.update_layout(template="plotly_white", width=900, height=340)


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
        run.model, run.train, run.config.truncation, run.device, run.number_format
    )
    rows = run.train_rows[: run.config.batch_size].to(run.device)
    classifier.network.train()
    with FlopCounterMode(display=False, custom_mapping=FUSED_ATTENTION) as counter:
        F.cross_entropy(classifier.scores(rows), classifier.labels[rows]).backward()
    return counter.get_total_flops() / int(classifier.lengths[rows.cpu()].sum())


if __name__ == "__main__":
    main(sys.argv[1:])
