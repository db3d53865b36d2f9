"""Attention written out against the fused kernel, forward and backward, by length.

    python -m benchmarks.training.attention --short | --full

Alone, and within one encoder layer as ftcore/models/classifier.py trains it. Each batch has 8,192
tokens; a tenth of them is padding.
"""

import math
import sys
from collections.abc import Callable
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.harness import machine, report
from ftcore import devices
from ftcore.models import classifier
from ftcore.models.classifier import EncoderLayer

TOKENS = 8192
LENGTHS = (64, 128, 256, 512, 1024)
DIM, HEADS, FEEDFORWARD = 100, 2, 128  # the starter's
PADDING = 0.1
Pair = tuple[Callable[[], None], Callable[[], None]]  # written out, fused


def main(argv: list[str] | None = None) -> None:
    seconds = 3.0 if report.options(__doc__ or "", argv).full else 0.4
    compare(LENGTHS, TOKENS, seconds)


def compare(lengths: tuple[int, ...], tokens: int, seconds: float) -> None:
    """Measure and print; each figure is the median of bursts that last `seconds` together."""
    report.heading("Attention: written out, and the fused kernel")
    device = devices.pick()
    columns = ("written_out_ms", "fused_ms", "ratio")
    figures = []
    for precision in ["fp32", "bf16"] if devices.has_bf16(device) else ["fp32"]:
        for length in lengths:
            shape = (max(1, tokens // length), length)
            row: dict[str, str | float] = {"precision": precision, "length": length}
            for prefix, pair in (("", _attention), ("layer_", _encoder_layer)):
                written_out, fused = (
                    median(machine.time_bursts(work, device, seconds)) * 1000
                    for work in pair(*shape, precision, device)
                )
                values = (written_out, fused, fused / written_out)
                row |= {f"{prefix}{name}": v for name, v in zip(columns, values, strict=True)}
            figures.append(row)
    titles = ("written out, ms", "fused, ms", "ratio")
    report.table(
        ["", "tokens", *titles, *(f"layer, {title}" for title in titles)],
        [
            [f"{value:.1f}" if isinstance(value, float) else value for value in row.values()]
            for row in figures
        ],
    )
    report.result("attention", tokens_a_batch=tokens, lengths=figures)


def _attention(batch: int, length: int, precision: str, device: torch.device) -> Pair:
    """Forward and backward of attention alone."""
    shape = (batch, HEADS, length, DIM // HEADS)
    dtype = machine.DTYPES[precision]
    q, k, v = (torch.randn(shape, device=device, dtype=dtype).requires_grad_() for _ in range(3))
    mask = _padding(batch, length, device)[:, None, None].to(dtype)
    gradient = torch.randn_like(q)

    def written_out() -> None:
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2) + mask
        (scores.softmax(-1) @ v).backward(gradient)

    def fused() -> None:
        F.scaled_dot_product_attention(q, k, v, mask).backward(gradient)

    return written_out, fused


def _encoder_layer(batch: int, length: int, precision: str, device: torch.device) -> Pair:
    """Forward and backward of Unfreeze's encoder layer."""
    layer = EncoderLayer(DIM, HEADS, FEEDFORWARD, dropout=0.1).to(device)
    x = torch.randn(batch, length, DIM, device=device)
    padding = _padding(batch, length, device)

    def step(longest_written_out: int) -> None:
        default, classifier.WRITTEN_OUT = classifier.WRITTEN_OUT, longest_written_out
        try:
            with devices.autocast(device, precision):
                out = layer(x, src_key_padding_mask=padding)
            out.float().sum().backward()
        finally:
            classifier.WRITTEN_OUT = default

    return lambda: step(length), lambda: step(0)


def _padding(batch: int, length: int, device: torch.device) -> Tensor:
    """A mask [batch, length] that is minus infinity at the last places of every text."""
    padding = torch.zeros(batch, length, device=device)
    padding[:, length - int(length * PADDING) :] = -math.inf
    return padding


if __name__ == "__main__":
    main(sys.argv[1:])
