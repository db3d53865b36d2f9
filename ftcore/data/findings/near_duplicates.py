"""Near duplicates: texts that share most runs of three words, proposed by MinHash and then checked exactly.

Another word makes a text of fewer than 25 words another text, since in few words it may say the opposite
("good film", "bad film"). A long text may differ in one word of 17. Texts that differ by punctuation alone
are near duplicates at any length. Texts with different labels never are: telling them apart is the task.
"""

import functools
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from ftcore.data.findings import minhash, shingles
from ftcore.data.findings.finding import (
    BLOCK,
    LEFT,
    NO_LABEL,
    TRAIN,
    Action,
    Column,
    Finding,
    Kind,
    LabelledTexts,
    number,
    places,
    positions,
    take,
)
from ftcore.events import Progress, Task

_SHORT, _LONG = 0.8, 0.7  # the least similarity
_IS_LONG = 50  # different shingles of the shorter text
_PROMISING = 0.55  # estimated; more than three standard errors below
_NEIGHBOURS = 4  # compared with a text in a band, besides the first text there
_CHECKS = 10  # of a text, the most promising first
_CACHED = 20_000  # sets of shingles
_MEANING = "they share most runs of three words"
_ADVICE = "Have a look, and drop what is the same text."


class Matches(NamedTuple):
    """int64 [texts]: training texts, ascending, and for each the text that it resembles.

    None of `like` is among `rows`, so these can leave together.
    """

    rows: np.ndarray
    like: np.ndarray


def find(data: LabelledTexts, skip: np.ndarray) -> Task[tuple[Matches, Matches]]:
    """Return near duplicates with the same label, and texts that resemble only one with another label.

    `skip`, bool [texts], marks texts to leave out, such as copies.
    """
    signatures = yield from minhash.signatures(data.texts)
    usable = np.flatnonzero(signatures.any(axis=1) & ~skip)
    order = usable[np.argsort(data.parts[usable], kind="stable")]  # test, validation, training
    signatures = signatures[order]
    seconds, firsts = yield from _candidates(signatures, data.parts[order] == TRAIN)
    del signatures  # a quarter of a gigabyte for a million texts
    alike = _Alike(data.texts)
    same: dict[int, int] = {}
    other: dict[int, int] = {}
    pairs = zip(order[seconds].tolist(), order[firsts].tolist(), strict=True)
    total = len(np.unique(seconds))
    for done, (text, group) in enumerate(groupby(pairs, key=itemgetter(0)), start=1):
        stay = [like for _, like in group if like not in same]
        for like in stay[:_CHECKS]:
            if not alike(text, like):
                continue
            if data.labels[text] in (data.labels[like], NO_LABEL) or data.labels[like] == NO_LABEL:
                same[text] = like
                break
            other.setdefault(text, like)
        if done % BLOCK == 0:
            yield Progress("examining", done, total, "candidates")
    return _matches(same), _matches({text: other[text] for text in other.keys() - same.keys()})


def _candidates(
    signatures: np.ndarray, is_training: np.ndarray
) -> Task[tuple[np.ndarray, np.ndarray]]:
    """Return pairs of a training text and an earlier text, int64 [pairs] each.

    They are sorted by the training text, and then by estimated similarity, the greatest first.
    """
    texts = np.arange(len(signatures))
    pairs = np.empty(0, np.int64)
    for done, keys in enumerate(minhash.bands(signatures), start=1):
        by_key = np.argsort(keys, kind="stable")
        begins = np.append(True, keys[by_key][1:] != keys[by_key][:-1])[: len(texts)]
        first = np.maximum.accumulate(np.where(begins, texts, 0))
        # A bucket of thousands of texts is not compared pair by pair.
        partners = np.stack([first, *(texts - distance for distance in range(1, _NEIGHBOURS + 1))])
        chosen = (partners >= first) & (partners < texts) & is_training[by_key]
        far = np.broadcast_to(by_key, chosen.shape)[chosen]
        new = far * len(texts) + by_key[partners[chosen]]
        new = new[~np.isin(new, pairs, kind="sort")]
        promising = minhash.similarity(signatures, *np.divmod(new, len(texts))) >= _PROMISING
        pairs = _distinct(np.concatenate([pairs, new[promising]]))
        yield Progress("examining", done, minhash.BANDS, "passes")
    far, near = np.divmod(pairs, max(1, len(texts)))
    ranked = np.lexsort((-minhash.similarity(signatures, near, far), far))
    return far[ranked], near[ranked]


def _distinct(values: np.ndarray) -> np.ndarray:
    """Return the distinct values, ascending. np.unique, which hashes, took 16 to 70 times as long."""
    values = np.sort(values)
    return values[np.append(True, values[1:] != values[:-1])[: len(values)]]


class _Alike:
    """Whether two texts, given by their positions, have most shingles in common."""

    def __init__(self, texts: Column) -> None:
        self._texts = texts
        self._shingles = functools.lru_cache(maxsize=_CACHED)(self._read)

    def __call__(self, first: int, second: int) -> bool:
        one, two = self._shingles(first), self._shingles(second)
        common = len(np.intersect1d(one, two, assume_unique=True))
        least = _LONG if min(len(one), len(two)) >= _IS_LONG else _SHORT
        return common >= least * (len(one) + len(two) - common)

    def _read(self, position: int) -> np.ndarray:
        hashes, _ = shingles.of_texts(take(self._texts, position, position + 1))
        return _distinct(hashes)


def _matches(like: dict[int, int]) -> Matches:
    rows = np.array(sorted(like), np.int64)
    return Matches(rows, np.array([like[row] for row in rows], np.int64))


def across_split(matches: Matches, parts: np.ndarray, leave: bool = False) -> Finding | None:
    """Say which training texts are near duplicates of validation or test texts.

    leave: they are dropped, and the finding says so.
    """
    held_out = parts[matches.like] < TRAIN
    rows, like = matches.rows[held_out], matches.like[held_out]
    if not rows.size:
        return None
    sentence = (
        f"{_are_near_duplicates(rows)} of one in {places(parts[like])} ({_MEANING}), so its figures will be "
        f"too good. {LEFT if leave else _ADVICE}"
    )
    return _finding("near-duplicates-across-split", sentence, rows, like, _action(leave))


def in_training(matches: Matches, parts: np.ndarray, leave: bool = False) -> Finding | None:
    """Say which training texts are near duplicates of another training text; `leave` as above."""
    inside = parts[matches.like] == TRAIN
    rows, like = matches.rows[inside], matches.like[inside]
    if not rows.size:
        return None
    sentence = (
        f"{_are_near_duplicates(rows)} of another with the same label ({_MEANING}). "
        f"{LEFT if leave else _ADVICE}"
    )
    return _finding("near-duplicates-in-training", sentence, rows, like, _action(leave))


def with_other_label(matches: Matches) -> Finding | None:
    """Say which training texts resemble a text with another label."""
    if not matches.rows.size:
        return None
    sentence = (
        f"{_are_near_duplicates(matches.rows)} of a text with another label. "
        "Check whether a label is wrong."
    )
    return _finding("near-duplicates-with-other-label", sentence, *matches, "review-labels")


def _action(leave: bool) -> Action:
    return "" if leave else "drop-near-duplicates"


def _are_near_duplicates(rows: np.ndarray) -> str:
    are = "is a near duplicate" if rows.size == 1 else "are near duplicates"
    return f"{number(rows.size, 'training text')} {are}"


def _finding(
    kind: Kind, sentence: str, rows: np.ndarray, like: np.ndarray, action: Action
) -> Finding:
    return Finding(kind, sentence, rows.size, positions(rows), positions(like), action)
