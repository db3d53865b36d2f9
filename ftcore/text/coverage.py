"""What of some texts a tokenizer knows, and how long they are in its tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ftcore.events import Progress, Task
from ftcore.text.tokenizer import Tokenizer

_CHUNK = 64  # texts between two yields


@dataclass(frozen=True)
class Coverage:
    """Counts of the tokens of each text, int64 [texts]; a token is a word or a piece of one.

    Attributes:
        lengths: tokens, without special ones.
        unknown: tokens that the tokenizer does not know.
        words: tokens that begin a word.
    """

    lengths: np.ndarray
    unknown: np.ndarray
    words: np.ndarray


def measure(tokenizer: Tokenizer, texts: Sequence[str]) -> Task[Coverage]:
    """Tokenize texts and count."""
    counts = np.zeros((3, len(texts)), np.int64)
    for row, text in enumerate(texts):
        tokens = tokenizer.tokenize(text)
        known = sum(tokenizer.known(tokens))
        counts[:, row] = len(tokens), len(tokens) - known, sum(tokenizer.begins_word(tokens))
        if (row + 1) % _CHUNK == 0 or row + 1 == len(texts):
            yield Progress("examining", row + 1, len(texts), "texts")
    return Coverage(*counts)
