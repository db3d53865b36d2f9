"""Which tokens of a text a model reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

MAX_LENGTH = 4096  # tokens that a model can read of a text
T = TypeVar("T")


@dataclass(frozen=True)
class Truncation:
    """Which tokens of a text are read: all, or of a longer one its start and its end.

    `tail` is the share of `length` that is taken from the end (Sun et al. 2019: head and tail).
    """

    length: int
    tail: float = 0.0

    @property
    def head(self) -> int:
        """Tokens taken from the start."""
        return self.length - round(self.length * self.tail)

    def cut(self, tokens: Sequence[T]) -> list[T]:
        """What is read of a text."""
        if len(tokens) <= self.length:
            return list(tokens)
        return [*tokens[: self.head], *tokens[len(tokens) - (self.length - self.head) :]]
