"""What is found in the texts that stay once copies across the split have left; no model is needed."""

import numpy as np

from ftcore.data.findings import copies, languages, near_duplicates
from ftcore.data.findings.finding import Finding, LabelledTexts
from ftcore.events import Task

DROPPED = ("near-duplicates-across-split", "copies-in-training", "near-duplicates-in-training")
"""Kinds of findings whose texts leave if near duplicates are to leave."""


def examine(data: LabelledTexts, keys: np.ndarray, leave: bool) -> Task[tuple[Finding, ...]]:
    """Return what there is to know about the texts. Changes nothing.

    keys: those of `copies.keys`.
    leave: the texts of DROPPED findings will be dropped, and the findings say so.
    """
    originals = copies.originals(keys, data.parts)
    is_copy = originals != np.arange(len(originals))
    same, other = yield from near_duplicates.find(data, is_copy)
    findings = (
        languages.other_languages(data.texts),
        near_duplicates.across_split(same, data.parts, leave),
        near_duplicates.with_other_label(other),
        copies.in_training(originals, data.labels, data.parts, leave),
        near_duplicates.in_training(same, data.parts, leave),
    )
    return tuple(finding for finding in findings if finding)
