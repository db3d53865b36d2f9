"""Texts as sets of hashed shingles: every run of three words, as in Broder (1997).

Two borders stand before and after a text, so that its first and last words are in three shingles, too. The
share of shingles that two texts have in common (Jaccard) then has a plain meaning: another word in a text
of n leaves (n - 1) / (n + 5).
"""

import functools
import re
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

SIZE = 3  # words of a shingle
_READ = 100_000  # characters of a text that are looked at; no model reads as many
_NOT_SPACED = (  # Thai to Khmer and East Asian: a character is taken for a word
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f"
)
_PUNCTUATION = (
    r"!-/:-@\[-`{-~\xa1\xa7\xa8\xab\xad\xb4\xb6-\xb8\xbb\xbf"
    "\u060c\u061b\u061f\u0964\u0965\u200b-\u206f\u2010-\u205e\u3000-\u303f"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\ufe00-\ufe0f"
)
# A smiley counts as a word, as it may decide; so does an emoji, which is no punctuation.
_WORD = re.compile(rf"[:;=]-?[()]|[{_NOT_SPACED}]|[^\s{_PUNCTUATION}{_NOT_SPACED}]+")
BORDERS = [0] * (SIZE - 1)
_MULTIPLIERS = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64
)  # odd: those of xxHash
_HALF = np.uint64(32)


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower())


def of_texts(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the shingles of all texts, uint32 [shingles], and their offsets, int64 [texts + 1].

    A text of n words has n + 2 shingles, of which some may be equal.
    """
    hashes = list(BORDERS)
    offsets = np.zeros(len(texts) + 1, np.int64)
    for row, text in enumerate(texts, start=1):
        hashes += map(_hash, words(text[:_READ]))
        hashes += BORDERS
        offsets[row] = len(hashes) - len(BORDERS)
    run = np.array(hashes, np.uint64)
    mixed = np.zeros(len(run) - SIZE + 1, np.uint64)
    for place, multiplier in enumerate(_MULTIPLIERS):
        mixed += run[place : len(mixed) + place] * multiplier
    mixed ^= mixed >> _HALF
    mixed *= _MULTIPLIERS[0]
    return (mixed >> _HALF).astype(np.uint32), offsets


@functools.lru_cache(maxsize=500_000)  # words
def _hash(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "big")
