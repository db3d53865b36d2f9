"""Texts as packed tokens, and batches of similar length made from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ftcore.text.truncation import Truncation
from ftcore.text.vocabulary import PAD

POOL = 50  # batches sorted by length together: little padding, and still random
STRIDE = 16  # padded lengths are multiples of it: oneDNN caches memory for every shape it meets


@dataclass(frozen=True)
class Tokens:
    """Packed texts: text i is `ids[offsets[i]:offsets[i + 1]]`.

    ids: int32 [tokens], offsets: int64 [texts + 1], labels: int64 [texts].
    """

    ids: Tensor
    offsets: Tensor
    labels: Tensor

    @classmethod
    def pack(cls, ids: np.ndarray, offsets: np.ndarray, labels: Sequence[int]) -> "Tokens":
        """Build from the arrays that `vocabulary.encode` returns."""
        return cls(torch.as_tensor(ids), torch.as_tensor(offsets), torch.tensor(labels))

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Tokens":
        return Tokens(self.ids.to(device), self.offsets.to(device), self.labels.to(device))

    def lengths(self, truncation: Truncation) -> Tensor:
        """Return the number of tokens read of each text, int64 [texts]."""
        return self.offsets.diff().clamp(max=truncation.length)

    def batch(
        self, rows: Tensor, truncation: Truncation, longest: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the texts of `rows`, truncated and padded: ids int64 [rows, columns], lengths [rows].

        `longest` is the largest of the lengths; computing it here would wait for the accelerator.
        """
        starts = self.offsets[rows]
        full_lengths = self.offsets[rows + 1] - starts
        lengths = full_lengths.clamp(max=truncation.length)
        longest = int(lengths.max()) if longest is None else longest
        count = min(-(-longest // STRIDE) * STRIDE, truncation.length)
        columns = torch.arange(count, device=rows.device)
        is_token = columns < lengths[:, None]
        # After its head, a longer text continues with its tail.
        skipped = (full_lengths - lengths)[:, None] * (columns >= truncation.head)
        positions = (starts[:, None] + columns + skipped) * is_token
        return torch.where(is_token, self.ids[positions].long(), PAD), lengths


def shuffled_batches(
    lengths: Tensor, rows: Tensor, batch_size: int, generator: torch.Generator
) -> list[Tensor]:
    """Return an epoch: rows shuffled, sorted by length in each pool, batches shuffled."""
    batches: list[Tensor] = []
    for pool in rows[torch.randperm(len(rows), generator=generator)].split(POOL * batch_size):
        batches += pool[lengths[pool].argsort(stable=True)].split(batch_size)
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def move_to(batches: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Copy batches to a device all at once: a copy per step would make it wait."""
    if not batches:
        return []
    return list(torch.cat(list(batches)).to(device).split([len(batch) for batch in batches]))


def sorted_batches(lengths: Tensor, rows: Tensor, tokens: int) -> Iterator[Tensor]:
    """Yield each of `rows` once, longest texts first, at most `tokens` per batch including padding."""
    order = rows[lengths[rows].argsort(descending=True, stable=True)]
    while len(order):
        count = max(1, tokens // int(lengths[order[0]]))
        yield order[:count]
        order = order[count:]
