"""Gives every text a part: that of the data, or one that is drawn for parts that the data lacks."""

from dataclasses import replace

import numpy as np

from ftcore.data.store import partition
from ftcore.data.store.card import NUMBERS, TRAIN
from ftcore.data.store.collection import Report
from ftcore.data.store.labelled import Labelled
from ftcore.errors import UsageError
from ftcore.formatting import count, listing

_DRAWN = ("test", "validation")
_NO_LABEL = -2
"""Stands for the class of the texts without a label, of which a tenth is drawn as of any other class."""


def split(texts: Labelled, keys: np.ndarray, seed: int, report: Report) -> Labelled:
    """Draw test and validation texts where there are none, by seed, from those for training.

    keys: uint64 [texts], equal for copies of a text, which stay together as groups do. Raises UsageError if
    there are too few texts.
    """
    missing = [part for part in _DRAWN if NUMBERS[part] not in texts.parts]
    parts = texts.parts.copy()
    groups = _group_numbers(texts)
    if missing:
        rows = np.flatnonzero(parts == TRAIN)
        units = partition.joined_units(*(each[rows] for each in (keys, groups) if each is not None))
        labels = [(_NO_LABEL,) if (label := texts.labels[row]) is None else label for row in rows]
        for part, drawn in partition.draw(units, labels, missing, seed).items():
            if not len(drawn):
                different = len(np.unique(units))
                texts_are = "text is" if different == 1 else "texts are"
                raise UsageError(
                    f"{count(different)} different {texts_are} too few to draw {part} texts from: add some, "
                    f"or give a file of them (--{part})."
                )
            parts[rows[drawn]] = NUMBERS[part]
        drawn_parts = listing([f"{(parts == NUMBERS[part]).sum():,} {part}" for part in missing])
        of = "each class"
        if not texts.labelled().all():
            of = "each class and of the texts without a label" if texts.classes else "the texts"
        kept = ", and groups were kept together" if groups is not None else ""
        report.notes.append(
            f"{drawn_parts} texts were drawn by seed {seed}, a tenth of {of} for each part{kept}."
        )
    if seed and not missing:
        report.notes.append(
            f"Seed {seed} has no effect: the data has validation and test texts of its own."
        )
    if groups is not None:
        torn = _torn(groups, parts)
        if torn:
            report.notes.append(
                f"{'1 group has' if torn == 1 else f'{torn:,} groups have'} texts in several parts of the "
                "split that the data brings."
            )
    return replace(texts, parts=parts)


def _group_numbers(texts: Labelled) -> np.ndarray | None:
    """Return int64 [texts], equal for texts of one group; a text without a group is one of its own."""
    if texts.groups is None:
        return None
    encoded = texts.groups.combine_chunks().dictionary_encode().indices
    numbers = encoded.fill_null(-1).to_numpy().astype(np.int64)
    alone = numbers < 0
    numbers[alone] = numbers.max(initial=0) + 1 + np.arange(alone.sum())
    return numbers


def _torn(groups: np.ndarray, parts: np.ndarray) -> int:
    """How many groups have texts in more than one part."""
    pairs = np.unique(np.stack([groups, parts.astype(np.int64)]), axis=1)
    return int((np.unique(pairs[0], return_counts=True)[1] > 1).sum())
