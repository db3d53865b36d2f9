"""Texts as packed tokens, and batches of similar length made from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ftcore.text.truncation import Truncation
from ftcore.text.vocabulary import PAD

POOL = (
    50  # batches sorted by length together: long enough to pad little, short enough to stay random
)
STRIDE = 16  # batches are a multiple of it long: oneDNN keeps memory for every size it meets


@dataclass(frozen=True)
class Tokens:
    """Texts one behind the other: text i is `ids[offsets[i]:offsets[i + 1]]`.

    ids: int32 [tokens], offsets: int64 [texts + 1], labels: int64 [texts].
    """

    ids: Tensor
    offsets: Tensor
    labels: Tensor

    @classmethod
    def pack(cls, ids: np.ndarray, offsets: np.ndarray, labels: Sequence[int]) -> "Tokens":
        """From the arrays that `text.encode` returns."""
        return cls(torch.as_tensor(ids), torch.as_tensor(offsets), torch.tensor(labels))

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Tokens":
        """The same texts in the memory of a device."""
        return Tokens(self.ids.to(device), self.offsets.to(device), self.labels.to(device))

    def lengths(self, window: Truncation) -> Tensor:
        """Number of tokens read of each text, int64 [texts]."""
        return self.offsets.diff().clamp(max=window.length)

    def batch(
        self, rows: Tensor, window: Truncation, longest: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """What is read of the texts of `rows`, padded: ids int64 [rows, columns], lengths [rows].

        Who knows the `longest` of the lengths says so: else an accelerator has to be waited for.
        """
        starts = self.offsets[rows]
        whole = self.offsets[rows + 1] - starts
        lengths = whole.clamp(max=window.length)
        longest = int(lengths.max()) if longest is None else longest
        count = min(-(-longest // STRIDE) * STRIDE, window.length)
        columns = torch.arange(count, device=rows.device)
        inside = columns < lengths[:, None]
        # Behind the head a longer text goes on with its end.
        skipped = (whole - lengths)[:, None] * (columns >= window.head)
        positions = (starts[:, None] + columns + skipped) * inside
        return torch.where(inside, self.ids[positions].long(), PAD), lengths


def shuffled_batches(
    lengths: Tensor, rows: Tensor, batch_size: int, generator: torch.Generator
) -> list[Tensor]:
    """One epoch: each of `rows` once, in batches of similar `lengths` [texts], in random order.

    Texts are shuffled, sorted by length within pools of some batches, cut, and the batches shuffled.
    """
    order = rows[torch.randperm(len(rows), generator=generator)]
    batches = [
        batch
        for pool in order.split(POOL * batch_size)
        for batch in pool[lengths[pool].argsort(stable=True)].split(batch_size)
    ]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def placed(batches: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """The same batches in the memory of a device, brought there at once: one a step would make it wait."""
    if not batches:
        return []
    return list(torch.cat(list(batches)).to(device).split([len(batch) for batch in batches]))


def sorted_batches(lengths: Tensor, rows: Tensor, tokens: int) -> Iterator[Tensor]:
    """Each of `rows` once, longest texts first, at most `tokens` a batch with their padding."""
    order = rows[lengths[rows].argsort(descending=True, stable=True)]
    while len(order):
        count = max(1, tokens // int(lengths[order[0]]))
        yield order[:count]
        order = order[count:]
