"""Attention written out against the fused kernel, forward and backward, by length.

    python -m benchmarks.training.attention --short | --full

Alone, and within one encoder layer as ftcore/models.py trains it. Each batch has 8,192 tokens; a
tenth of them is padding.
"""

import math
import sys
from collections.abc import Callable

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


def main(argv: list[str] | None = None) -> None:
    seconds = 3.0 if report.options(__doc__ or "", argv).full else 0.4
    compare(LENGTHS, TOKENS, seconds)


def compare(lengths: tuple[int, ...], tokens: int, seconds: float) -> None:
    """Measure and print; each figure is the median of bursts that last `seconds` together."""
    report.heading("Attention: written out, and the fused kernel")
    device = devices.pick()
    formats = ["fp32", "bf16"] if devices.has_bf16(device) else ["fp32"]
    rows, figures = [], []
    for number_format in formats:
        for length in lengths:
            batch = max(1, tokens // length)
            alone, layer = (
                [_milliseconds(work, device, seconds) for work in pair]
                for pair in (
                    _alone(batch, length, number_format, device),
                    _layer(batch, length, number_format, device),
                )
            )
            cells = [f"{value:.1f}" for value in (*alone, alone[1] / alone[0])]
            cells += [f"{value:.1f}" for value in (*layer, layer[1] / layer[0])]
            rows.append([number_format, length, *cells])
            figures.append(
                {
                    "precision": number_format,
                    "length": length,
                    "written_out_ms": report.short(alone[0]),
                    "fused_ms": report.short(alone[1]),
                    "ratio": report.short(alone[1] / alone[0]),
                    "layer_written_out_ms": report.short(layer[0]),
                    "layer_fused_ms": report.short(layer[1]),
                    "layer_ratio": report.short(layer[1] / layer[0]),
                }
            )
    report.table(
        [
            "",
            "tokens",
            "written out, ms",
            "fused, ms",
            "ratio",
            "layer, written out",
            "layer, fused",
            "ratio",
        ],
        rows,
    )
    report.result("attention", tokens_a_batch=tokens, lengths=figures)


def _alone(
    batch: int, length: int, number_format: str, device: torch.device
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Forward and backward of attention alone: written out, fused."""
    dtype = torch.bfloat16 if number_format == "bf16" else torch.float32
    q, k, v = (
        torch.randn(batch, HEADS, length, DIM // HEADS, device=device, dtype=dtype).requires_grad_()
        for _ in range(3)
    )
    mask = _padding(batch, length, device)[:, None, None].to(dtype)

    def written_out() -> Tensor:
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2) + mask
        return scores.softmax(-1) @ v

    def fused() -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, mask)

    gradient = torch.randn_like(q)
    return (
        lambda: written_out().backward(gradient),
        lambda: fused().backward(gradient),
    )


def _layer(
    batch: int, length: int, number_format: str, device: torch.device
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Forward and backward of the product's encoder layer on either path."""
    layer = EncoderLayer(DIM, HEADS, FEEDFORWARD, dropout=0.1).to(device)
    x = torch.randn(batch, length, DIM, device=device)
    padding = _padding(batch, length, device)

    def step(longest_written_out: int) -> None:
        kept, classifier.WRITTEN_OUT = classifier.WRITTEN_OUT, longest_written_out
        try:
            with devices.autocast(device, number_format):
                out = layer(x, src_key_padding_mask=padding)
            out.float().sum().backward()
        finally:
            classifier.WRITTEN_OUT = kept

    return lambda: step(length), lambda: step(0)


def _padding(batch: int, length: int, device: torch.device) -> Tensor:
    """Minus infinity at the last places of every text."""
    padding = torch.zeros(batch, length, device=device)
    padding[:, length - int(length * PADDING) :] = -math.inf
    return padding


def _milliseconds(work: Callable[[], None], device: torch.device, seconds: float) -> float:
    times = sorted(machine.repeated(work, device, seconds))
    return times[len(times) // 2] * 1000


if __name__ == "__main__":
    main(sys.argv[1:])
