"""All findings of labelled texts that need no model."""

import numpy as np

from ftcore.data.findings import classes, copies, languages, near_duplicates
from ftcore.data.findings.finding import Finding, LabelledTexts
from ftcore.events import Task


def examine(
    data: LabelledTexts, keys: np.ndarray, empty_texts: int = 0
) -> Task[tuple[Finding, ...]]:
    """Return what there is to know about the texts, those that leave by themselves first.

    Nothing is changed. `keys` are those of `copies.keys`; `empty_texts` counts rows left out before.
    """
    originals = copies.originals(keys, data.parts)
    is_copy = originals != np.arange(len(originals))
    same, other = yield from near_duplicates.find(data, is_copy)
    findings = (
        copies.across_split(originals, data.parts),
        classes.empty_texts(empty_texts),
        classes.few_examples(data.training_counts),
        copies.two_labels(originals, data.labels),
        languages.other_languages(data.texts),
        near_duplicates.across_split(same, data.parts),
        near_duplicates.with_other_label(other),
        copies.in_training(originals, data.labels, data.parts),
        near_duplicates.in_training(same, data.parts),
    )
    return tuple(finding for finding in findings if finding)
