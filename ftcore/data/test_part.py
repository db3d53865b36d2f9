"""A part of a dataset's test texts, drawn once, so that many runs are tested on the same few texts."""

import hashlib
from dataclasses import replace

import numpy as np

from ftcore.data.text_dataset import TextDataset


def rows(texts: int, count: int) -> np.ndarray:
    """Draw `count` of `texts` rows, the same at every call, ascending; all if there are fewer."""
    return np.sort(np.random.default_rng(0).permutation(texts)[:count])


def reduced(dataset: TextDataset, count: int) -> TextDataset:
    """The dataset with `count` of its test texts, and a fingerprint of its own; itself for 0."""
    if not 0 < count < len(dataset.test.texts):
        return dataset
    chosen = rows(len(dataset.test.texts), count).tolist()
    fingerprint = hashlib.sha256(f"{dataset.fingerprint} {count}".encode()).hexdigest()[:16]
    return replace(dataset, test=dataset.test.at(chosen), fingerprint=fingerprint)
