"""How a text becomes words: the tokenizers that checkpoints name, each with a version that never changes.

Importable without torch; torchtext is imported by the first text.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from ftcore.errors import UnfreezeError
from ftcore.text import normalization


@dataclass(frozen=True)
class WordRule:
    """Splits texts into lower-case words and punctuation marks."""

    name: str
    """Name and version: in checkpoints and records, in fingerprints and cache keys."""
    description: str
    """What it does, for people."""
    normalize: Callable[[str], str]
    """Done to a text before it is split."""

    def tokenize(self, text: str) -> list[str]:
        tokens: list[str] = _basic_english()(self.normalize(text))
        return tokens


EARLIER = WordRule(
    "basic_english",
    "the lesson's basic_english: a word beside a typographic mark, a slash or a dash is unknown",
    str,
)
"""Of checkpoints that do not name theirs, and of the lesson's own models."""
CURRENT = WordRule(
    "basic_english-2",
    "basic_english after typographic forms are made plain",
    normalization.normalize,
)
"""Of new models; a fine-tuned one has its parent's. If its tokens change, its name does, too."""
RULES = {rule.name: rule for rule in (EARLIER, CURRENT)}


def find(name: str) -> WordRule:
    """Return the tokenizer of a name. Raises UnfreezeError."""
    if name not in RULES:
        raise UnfreezeError(f"The tokenizer {name!r} is unknown here: update Unfreeze.")
    return RULES[name]


@functools.cache
def _basic_english() -> Callable[[str], list[str]]:
    from torchtext.data.utils import get_tokenizer  # imports torch

    tokenize: Callable[[str], list[str]] = get_tokenizer("basic_english")
    return tokenize
