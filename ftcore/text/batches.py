"""Texts as packed tokens, and batches of similar length made from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ftcore.text.truncation import Truncation

PAD = 1  # id of the padding of word vectors
POOL = 50  # batches sorted by length together: little padding, and still random
STRIDE = 16  # padded lengths are multiples of it: oneDNN caches memory for every shape it meets


@dataclass(frozen=True)
class Frame:
    """The special tokens that a model expects around a text, and after it in a batch."""

    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    pad: int = PAD

    @property
    def size(self) -> int:
        """Number of tokens around a text."""
        return len(self.start) + len(self.end)

    def inside(self, truncation: Truncation) -> Truncation:
        """The truncation of a text so that it fits between the special tokens."""
        return replace(truncation, length=truncation.length - self.size)


@dataclass(frozen=True)
class Tokens:
    """Packed texts: text i is `ids[offsets[i]:offsets[i + 1]]`, without the special tokens of the frame.

    ids: int32 [tokens], offsets: int64 [texts + 1], labels: int64 [texts], or bool [texts, classes] where a
    text may have several.
    """

    ids: Tensor
    offsets: Tensor
    labels: Tensor
    frame: Frame = Frame()

    @classmethod
    def pack(
        cls,
        ids: np.ndarray,
        offsets: np.ndarray,
        labels: Sequence[int] | np.ndarray,
        frame: Frame = Frame(),
    ) -> "Tokens":
        """Build from the arrays that a tokenizer's `encode` returns."""
        return cls(torch.as_tensor(ids), torch.as_tensor(offsets), torch.as_tensor(labels), frame)

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Tokens":
        ids, offsets, labels = (each.to(device) for each in (self.ids, self.offsets, self.labels))
        return Tokens(ids, offsets, labels, self.frame)

    def lengths(self, truncation: Truncation) -> Tensor:
        """Return the number of tokens read of each text, special ones included, int64 [texts]."""
        inside = self.frame.inside(truncation)
        return self.offsets.diff().clamp(max=inside.length) + self.frame.size

    def share(self, token: int | None, truncation: Truncation) -> Tensor:
        """Return the share of a token among those read of each text, fp32 [texts]."""
        inside = self.frame.inside(truncation)
        is_token = torch.zeros_like(self.ids) if token is None else self.ids.eq(token)
        found = torch.cat([self.offsets.new_zeros(1), is_token.cumsum(0)])
        starts, ends = self.offsets[:-1], self.offsets[1:]
        is_cut = ends - starts > inside.length
        heads = torch.where(is_cut, starts + inside.head, ends)
        tails = torch.where(is_cut, ends - (inside.length - inside.head), ends)
        count = found[heads] - found[starts] + found[ends] - found[tails]
        return count / (ends - starts).clamp(1, inside.length)

    def batch(
        self, rows: Tensor, truncation: Truncation, longest: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the texts of `rows`, truncated and padded: ids int64 [rows, columns], lengths [rows].

        `longest` is the largest of the lengths; computing it here would wait for the accelerator.
        """
        frame, inside = self.frame, self.frame.inside(truncation)
        starts = self.offsets[rows]
        full_lengths = self.offsets[rows + 1] - starts
        kept = full_lengths.clamp(max=inside.length)
        lengths = kept + frame.size
        longest = int(lengths.max()) if longest is None else longest
        count = padded_length(longest, truncation.length)
        columns = torch.arange(count, device=rows.device) - len(frame.start)
        is_token = (columns >= 0) & (columns < kept[:, None])
        # After its head, a longer text continues with its tail.
        skipped = (full_lengths - kept)[:, None] * (columns >= inside.head)
        positions = (starts[:, None] + columns + skipped) * is_token
        ids = torch.where(is_token, self.ids[positions].long(), frame.pad)
        for column, special in enumerate(frame.start):
            ids[:, column] = special
        for column, special in enumerate(frame.end, start=len(frame.start)):
            ids.scatter_(1, (kept + column)[:, None], special)
        return ids, lengths


def padded_length(longest: int, limit: int) -> int:
    """Return the columns of a batch whose longest text has so many tokens."""
    return min(-(-longest // STRIDE) * STRIDE, limit)


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
