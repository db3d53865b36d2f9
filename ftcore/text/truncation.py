"""Which tokens of a text a model reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

MAX_LENGTH = 4096  # largest number of tokens that a model reads of a text
T = TypeVar("T")


@dataclass(frozen=True)
class Truncation:
    """At most `length` tokens of a text, from its start and end (head and tail, Sun et al. 2019).

    `text/batches.py` cuts whole batches the same way; a test holds both equal.
    """

    length: int
    tail: float = 0.0  # fraction of `length` taken from the end of a longer text

    @property
    def head(self) -> int:
        """Number of tokens taken from the start of a longer text."""
        return self.length - round(self.length * self.tail)

    def cut(self, tokens: Sequence[T]) -> list[T]:
        if len(tokens) <= self.length:
            return list(tokens)
        return [*tokens[: self.head], *tokens[len(tokens) - (self.length - self.head) :]]
