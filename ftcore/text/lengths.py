"""How long texts are, in tokens: a histogram that is recorded of training texts and compared with others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ftcore import validation

BOUNDS = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096)


@dataclass(frozen=True)
class TextLengths:
    """How many texts have up to so many tokens, special ones not counted, and more than the bound before."""

    up_to: tuple[int, ...]
    texts: tuple[int, ...]

    @classmethod
    def of(cls, lengths: np.ndarray, up_to: tuple[int, ...] = BOUNDS) -> "TextLengths":
        """Count lengths [texts]; those above the last bound are counted at it."""
        places = np.searchsorted(up_to, np.minimum(lengths, up_to[-1]))
        return cls(up_to, tuple(np.bincount(places, minlength=len(up_to)).tolist()))

    @classmethod
    def read(cls, values: Any) -> "TextLengths | None":
        """Return what `to_dict` gave; None for anything else, such as the record of an earlier version."""
        if not isinstance(values, Mapping):
            return None
        up_to: Any = values.get("up_to")
        texts: Any = values.get("texts")
        fits = all(validation.has_type(each, list[int]) for each in (up_to, texts))
        if not (fits and up_to and len(up_to) == len(texts) and min(texts) >= 0 and sum(texts)):
            return None
        return cls(tuple(up_to), tuple(texts)) if sorted(set(up_to)) == up_to else None

    def to_dict(self) -> dict[str, list[int]]:
        return {"up_to": list(self.up_to), "texts": list(self.texts)}

    def distance(self, other: "TextLengths") -> float:
        """The greatest difference between the shares of texts up to any bound, 0 to 1.

        That of Kolmogorov and Smirnov, at the bounds, which must be the same.
        """
        shares = [np.cumsum(each.texts) / sum(each.texts) for each in (self, other)]
        return float(np.abs(shares[0] - shares[1]).max())
