"""Test texts of datasets, stored once per dataset for pages that show what runs answered.

texts-<fingerprint>.bin    in the cache folder, see `StoredTexts`
"""

import contextlib
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np

from ftcore import paths
from ftcore.data import datasets
from ftcore.data.text_dataset import TextDataset
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.storage import cache, files


class StoredTexts(Sequence[str]):
    """Texts in a file, each read when it is asked for. Raises ValueError if the file is cut short.

    The file: int64 n, int64 [n + 1] offsets of the texts, the texts in UTF-8.
    """

    def __init__(self, file: Path) -> None:
        content = np.memmap(file, np.uint8, "r")
        count = int(content[:8].view("<i8")[0])
        start = 8 * (count + 2)
        self._offsets = content[8:start].view("<i8")
        self._texts = content[start:]
        if len(self._offsets) != count + 1 or self._offsets[-1] != len(self._texts):
            raise ValueError(f"{file} is cut short")

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
    file = path(dataset.fingerprint)
    with contextlib.suppress(OSError, ValueError):
        StoredTexts(file)
        return
    encoded = [text.encode() for text in dataset.test.texts]
    offsets = np.cumsum([0, *map(len, encoded)], dtype="<i8")
    files.write(
        file, np.array([len(encoded)], "<i8").tobytes(), offsets.tobytes(), b"".join(encoded)
    )


def load(fingerprint: str) -> Sequence[str]:
    """Return the test texts of a dataset by a run's fact `dataset_fingerprint`.

    Raises UnfreezeError if they are not on this disk, for example because the cache was emptied.
    """
    file = path(fingerprint)
    try:
        texts = StoredTexts(file)
        cache.touch(file)
        return texts
    except (OSError, ValueError):
        texts_of_sample, fingerprint_of_sample = _sample()
        if fingerprint == fingerprint_of_sample:
            return texts_of_sample
    raise UnfreezeError(
        "The test texts are not on this disk; one run on this dataset brings them back."
    )


def path(fingerprint: str) -> Path:
    """The file with the test texts of a dataset."""
    return paths.cache_dir() / f"texts-{fingerprint}.bin"


@functools.cache
def _sample() -> tuple[list[str], str]:
    """The test texts of the built-in sample, which can always be generated, and its fingerprint."""
    sample = drain(datasets.load("sample"))
    return sample.test.texts, sample.fingerprint
