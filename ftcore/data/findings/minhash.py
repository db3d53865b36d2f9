"""MinHash (Broder 1997): short signatures of texts, from which texts with many shingles in common are found.

Of each of HASHES orders of all shingles a text keeps its first one; the share of equal places in two
signatures estimates the Jaccard similarity. Texts with an equal band of ROWS places are candidates
(Leskovec, Rajaraman, Ullman 2014, section 3.4): at a similarity s that happens with probability
1 - (1 - s^ROWS)^BANDS, 98.8% at 0.7 and 0.8% at 0.2.
"""

from collections.abc import Iterator

import numpy as np

from ftcore.data.findings import shingles
from ftcore.data.findings.finding import Column, blocks
from ftcore.events import Progress, Task

ROWS, BANDS = 5, 24
HASHES = ROWS * BANDS
_PAIRS = 100_000  # estimated at once
_RNG = np.random.default_rng(1997)
_ORDERS = _RNG.integers(2**32, size=HASHES, dtype=np.uint32) | np.uint32(1)
_FOLD = _RNG.integers(2**63, size=ROWS, dtype=np.uint64) | np.uint64(1)


def signatures(texts: Column) -> Task[np.ndarray]:
    """Return uint16 [texts, HASHES]: the last 16 bits of each first shingle. All 0 without a word."""
    result = np.zeros((len(texts), HASHES), np.uint16)
    for start, block in blocks(texts):
        hashes, offsets = shingles.of_texts(block)
        rows = result[start : start + len(block)]
        for place, order in enumerate(_ORDERS):
            # An odd factor permutes the 32-bit numbers.
            rows[:, place] = np.minimum.reduceat(hashes * order, offsets[:-1])
        rows[np.diff(offsets) == len(shingles.BORDERS)] = 0
        yield Progress("examining", start + len(block), len(texts), "texts")
    return result


def bands(signatures: np.ndarray) -> Iterator[np.ndarray]:
    """Yield uint64 [texts] for each band, equal for texts with an equal band."""
    for start in range(0, HASHES, ROWS):
        yield (signatures[:, start : start + ROWS] * _FOLD).sum(axis=1, dtype=np.uint64)


def similarity(signatures: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Estimate the similarity of pairs of texts: float32 [pairs], its standard error at most 0.05."""
    result = np.empty(len(first), np.float32)
    for start in range(0, len(first), _PAIRS):
        pairs = slice(start, start + _PAIRS)
        result[pairs] = (signatures[first[pairs]] == signatures[second[pairs]]).mean(axis=1)
    return result
