"""Copies of a text inside training and across the split, and texts under two labels.

Copies are equal but for case and white space; docs/decisions.md says why not less and not more.
"""

from hashlib import blake2b

import numpy as np

from ftcore.data.findings.finding import (
    LEFT,
    NO_LABEL,
    TRAIN,
    Action,
    Column,
    Finding,
    blocks,
    number,
    places,
    positions,
)
from ftcore.events import Progress, Task


def keys(texts: Column) -> Task[np.ndarray]:
    """Return uint64 [texts]: equal for copies; by chance for two of a million texts in 1 of 10^7 cases."""
    result = np.zeros(len(texts), np.uint64)
    for start, block in blocks(texts):
        result[start : start + len(block)] = [_key(text) for text in block]
        yield Progress("examining", start + len(block), len(texts), "texts")
    return result


def _key(text: str) -> int:
    plain = " ".join(text.lower().split()).encode("utf-8", "replace")
    return int.from_bytes(blake2b(plain, digest_size=8).digest(), "big")


def originals(keys: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Return int64 [texts]: the first text of the lowest part that each text is a copy of, or itself."""
    order = np.lexsort((np.arange(len(keys)), parts, keys))
    begins = np.append(True, keys[order][1:] != keys[order][:-1])
    result = np.empty(len(keys), np.int64)
    result[order] = order[np.maximum.accumulate(np.where(begins, np.arange(len(keys)), 0))]
    return result


def across_split(originals: np.ndarray, parts: np.ndarray) -> Finding | None:
    """Find training texts that are copies of validation or test texts; these leave by themselves."""
    rows = np.flatnonzero((parts == TRAIN) & (parts[originals] < TRAIN))
    if not rows.size:
        return None
    like = originals[rows]
    are = "is" if rows.size == 1 else "are"
    sentence = (
        f"{number(rows.size, 'training text')} that {are} also in {places(parts[like])}, apart from case "
        "and spaces, left training: figures on texts seen in training are too good."
    )
    return Finding("copies-across-split", sentence, rows.size, positions(rows), positions(like))


def in_training(
    originals: np.ndarray, labels: np.ndarray, parts: np.ndarray, leave: bool = False
) -> Finding | None:
    """Find training texts that are copies of an earlier one with the same label.

    leave: they are dropped, and the finding says so.
    """
    again = originals != np.arange(len(originals))
    same = (parts == TRAIN) & (parts[originals] == TRAIN) & (labels == labels[originals])
    rows = np.flatnonzero(again & same)
    if not rows.size:
        return None
    repeat = "repeats" if rows.size == 1 else "repeat"
    advice = LEFT if leave else "Drop with near duplicates, unless meant to count twice."
    sentence = (
        f"{number(rows.size, 'training text')} {repeat} an earlier one of the same label, apart from case "
        f"and spaces. {advice}"
    )
    like = positions(originals[rows])
    action: Action = "" if leave else "drop-near-duplicates"
    return Finding("copies-in-training", sentence, rows.size, positions(rows), like, action)


def two_labels(originals: np.ndarray, labels: np.ndarray) -> Finding | None:
    """Find texts that have copies with another label. `count` is that of different texts."""
    labelled = labels != NO_LABEL
    lowest = np.full(len(labels), np.iinfo(np.int64).max)
    highest = np.full(len(labels), NO_LABEL)
    np.minimum.at(lowest, originals[labelled], labels[labelled])
    np.maximum.at(highest, originals[labelled], labels[labelled])
    rows = np.flatnonzero(labelled & (lowest < highest)[originals])
    if not rows.size:
        return None
    texts = len(np.unique(originals[rows]))
    stands = "stands" if texts == 1 else "stand"
    sentence = (
        f"{number(texts, 'text')} {stands} under more than one label, in {rows.size:,} rows. "
        "Correct the labels, or drop these rows."
    )
    like = positions(originals[rows])
    return Finding("two-labels", sentence, texts, positions(rows), like, "review-labels")
