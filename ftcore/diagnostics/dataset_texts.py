"""Test texts of datasets, cached once per dataset for pages that show what runs answered."""

import functools
from collections.abc import Sequence
from typing import overload

import numpy as np

from ftcore.data import datasets
from ftcore.data.text_dataset import TextDataset
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.storage import cache


class StoredTexts(Sequence[str]):
    """Cached texts, each decoded when it is asked for."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._offsets = arrays["offsets"]  # int64 [texts + 1]
        self._texts = arrays["texts"]  # uint8, all texts in UTF-8

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[number] for number in range(*row.indices(len(self)))]
        row = range(len(self))[row]
        return self._texts[self._offsets[row] : self._offsets[row + 1]].tobytes().decode()


def store(dataset: TextDataset) -> None:
    """Write the test texts of a dataset unless they are already stored. Raises OSError."""
    name = _name(dataset.fingerprint)
    if cache.load(name):
        return
    encoded = [text.encode() for text in dataset.test.texts]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    cache.store(name, {"offsets": offsets, "texts": np.frombuffer(b"".join(encoded), np.uint8)})


def load(fingerprint: str) -> Sequence[str]:
    """Return the test texts of a dataset by a run's fact `dataset_fingerprint`.

    Raises UnfreezeError if they are not on this disk, for example because the cache was emptied.
    """
    if arrays := cache.load(_name(fingerprint)):
        return StoredTexts(arrays)
    texts_of_sample, fingerprint_of_sample = _sample()
    if fingerprint == fingerprint_of_sample:
        return texts_of_sample
    raise UnfreezeError(
        "The test texts are not on this disk; one run on this dataset brings them back."
    )


def _name(fingerprint: str) -> str:
    return f"texts-{fingerprint}"


@functools.cache
def _sample() -> tuple[list[str], str]:
    """The test texts of the built-in sample, which can always be generated, and its fingerprint."""
    sample = drain(datasets.load("sample"))
    return sample.test.texts, sample.fingerprint
