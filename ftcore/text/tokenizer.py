"""What the rest of the program knows of a tokenizer: words or pieces of words are the same to it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ftcore.events import Task
from ftcore.text.batches import Frame


class Tokenizer(Protocol):
    """Splits texts into tokens and gives their ids."""

    @property
    def name(self) -> str:
        """Name and version, for people and records."""

    @property
    def fingerprint(self) -> str:
        """Hash of what its ids mean, 16 hex digits."""

    @property
    def frame(self) -> Frame:
        """The special tokens around a text."""

    @property
    def unknown(self) -> int | None:
        """Id of all that the vocabulary lacks; None if it lacks nothing."""

    def __len__(self) -> int: ...

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of a text, as people read them."""

    def begins_word(self, tokens: Sequence[str]) -> list[bool]:
        """Whether each token begins a word, or goes on with that of the token before."""

    def join(self, tokens: Sequence[str]) -> str:
        """Return the word that tokens make up, as people read it."""

    @property
    def blank(self) -> int:
        """Id of a token that says nothing: what a text is compared with to explain an answer."""

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """Return the ids of tokens that `tokenize` gave."""

    def known(self, tokens: Sequence[str]) -> list[bool]:
        """Whether the model can tell each token from others."""

    def encode(
        self, texts: Sequence[str], max_length: int | None
    ) -> Task[tuple[np.ndarray, np.ndarray]]:
        """Return the ids of all texts, int32 [tokens], and their offsets, int64 [texts + 1]."""

    def files(self) -> Mapping[str, bytes]:
        """What a checkpoint stores of it, content by file name."""


def says_nothing(tokenizer: Tokenizer, tokens: Sequence[str]) -> bool:
    """Whether none of a text's tokens is a word or a number that the model knows."""
    known = zip(tokens, tokenizer.known(tokens), strict=True)
    return not any(is_known and any(map(str.isalnum, token)) for token, is_known in known)
