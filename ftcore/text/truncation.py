"""Which tokens of a text a model reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

MAX_LENGTH = 4096  # largest number of tokens that a model reads of a text
T = TypeVar("T")


@dataclass(frozen=True)
class Truncation:
    """At most `length` tokens of a text, from its start and its end (head and tail, Sun et al. 2019).

    `tail` is the fraction of `length` taken from the end of a longer text.
    """

    length: int
    tail: float = 0.0

    @property
    def head(self) -> int:
        """Number of tokens taken from the start of a longer text."""
        return self.length - round(self.length * self.tail)

    def cut(self, tokens: Sequence[T]) -> list[T]:
        """Return the tokens that are read."""
        if len(tokens) <= self.length:
            return list(tokens)
        return [*tokens[: self.head], *tokens[len(tokens) - (self.length - self.head) :]]
