"""What one looks at after a run: answers, text vectors, what moved, what was forgotten.

    insights.npz     the arrays (see `Insights`)
    insights.json    the rest

Both lie beside the checkpoint in the run's folder. The test texts themselves are kept once a dataset.
"""

import contextlib
import functools
import io
import json
import logging
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np

from ftcore import paths, validation
from ftcore.data import datasets
from ftcore.data.text_dataset import TextDataset
from ftcore.errors import UnfreezeError, user_message
from ftcore.events import drain
from ftcore.models import checkpoints
from ftcore.storage import cache, files

log = logging.getLogger(__name__)
ARRAYS, REST = "insights.npz", "insights.json"
_NOWHERE = np.zeros((0, 2), np.float32)
# What a zip of arrays raises that is cut, damaged, or says that it is huge, locked, or packed otherwise.
UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    MemoryError,
    EOFError,
    RuntimeError,
    AttributeError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
    UnfreezeError,
)


@dataclass(frozen=True)
class Insights:
    """What became of a run, looked at once at its end; of the best weights."""

    labels: tuple[str, ...]
    truth: np.ndarray  # int64 [test texts]
    probabilities: np.ndarray  # float32 [test texts, classes]
    # Test texts on the map, the same ones for every run on a dataset, and where their vectors lie on the
    # first two principal components: those of the starting body, and of the body that came of it.
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # int64 [points]
    before: np.ndarray = field(default_factory=_NOWHERE.copy)  # float32 [points, 2]
    after: np.ndarray = field(default_factory=_NOWHERE.copy)  # float32 [points, 2]
    # Layer group → |w - w0| / |w0|, head first; 0 for what was frozen.
    moved: dict[str, float] = field(default_factory=dict)
    # The checkpoint's own task, through its old head: {"task": "AG News", "before": 0.884,
    # "after": 0.51, "texts": 7600}; None where it could not be measured.
    forgot: dict[str, float | str] | None = None


def load(run_id: str) -> Insights | None:
    """Of a run; None where it left none, as one that did not come to its end."""
    return read(checkpoints.run_path(run_id).parent)


def read(folder: Path) -> Insights | None:
    """What `write` left in a folder; None where that is not whole."""
    try:
        rest = validation.read_json(folder / REST)
        validation.refuse_special_files(folder / ARRAYS)
        with np.load(folder / ARRAYS) as stored:
            found = Insights(
                tuple(rest["labels"]), moved=rest["moved"], forgot=rest["forgot"], **stored
            )
        _check(found)
        return found
    except UNREADABLE:
        return None


def _check(look: Insights) -> None:
    """Raise TypeError or ValueError where the parts do not fit together, as in a file that was changed."""
    validation.check_field_types(look)
    texts, points, classes = len(look.truth), len(look.rows), len(look.labels)
    forgot = look.forgot
    shapes = [
        look.truth.shape,
        look.rows.shape,
        look.probabilities.shape,
        look.before.shape,
        look.after.shape,
    ]
    if not (
        shapes == [(texts,), (points,), (texts, classes), (points, 2), (points, 2)]
        and all(part.dtype.kind in "iu" for part in (look.truth, look.rows))
        and all(part.dtype.kind == "f" for part in (look.probabilities, look.before, look.after))
        and ((look.truth >= 0) & (look.truth < classes)).all()
        and ((look.rows >= 0) & (look.rows < texts)).all()
        and ((look.probabilities >= 0) & (look.probabilities <= 1)).all()
        and np.isfinite(list(look.moved.values())).all()
        and (forgot is None or _is_measured(forgot))
    ):
        raise ValueError("of another shape")


def _is_measured(forgot: dict[str, float | str]) -> bool:
    shares = [forgot["before"], forgot["after"]]
    return (
        validation.has_type([*shares, forgot["texts"]], list[float])
        and isinstance(forgot["task"], str)
        and all(0 <= float(share) <= 1 for share in shares)
        and 0 <= float(forgot["texts"]) < 1e15
    )


def keep(folder: Path, dataset: TextDataset, found: Insights) -> str:
    """Keep what was found, and the texts that go with it.

    Where that fails, the run is over all the same: the result is a sentence to add to its last words.
    """
    try:
        keep_texts(dataset)
        write(folder, found)
    except OSError as error:
        return unknown(error)
    return ""


def unknown(error: Exception) -> str:
    """What a run whose inside stays unknown adds to its last words."""
    log.warning("not looked inside", exc_info=error)
    return (
        f" What happened inside is not known: {user_message(error) or type(error).__name__ + '.'}"
    )


def write(folder: Path, found: Insights) -> None:
    """Keep it in a folder."""
    arrays = io.BytesIO()
    np.savez_compressed(
        arrays,
        truth=found.truth,
        probabilities=found.probabilities,
        rows=found.rows,
        before=found.before,
        after=found.after,
    )
    rest = {"labels": found.labels, "moved": found.moved, "forgot": found.forgot}
    files.write(folder / ARRAYS, arrays.getbuffer())
    files.write(folder / REST, json.dumps(rest, indent=1).encode())


class StoredTexts(Sequence[str]):
    """Texts in a file, read one by one when they are asked for.

    int64 n, int64 [n + 1] where each text begins and the last one ends, the texts in UTF-8.
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
            return [self[one] for one in range(*row.indices(len(self)))]
        row = range(len(self))[row]
        return self._texts[self._offsets[row] : self._offsets[row + 1]].tobytes().decode()


def keep_texts(dataset: TextDataset) -> None:
    """Keep a dataset's test texts for those who look at its runs later."""
    file = _texts_file(dataset.fingerprint)
    with contextlib.suppress(OSError, ValueError):
        StoredTexts(file)
        return
    encoded = [text.encode() for text in dataset.test.texts]
    offsets = np.cumsum([0, *map(len, encoded)], dtype="<i8")
    files.write(
        file, np.array([len(encoded)], "<i8").tobytes(), offsets.tobytes(), b"".join(encoded)
    )


def texts(dataset_fingerprint: str) -> Sequence[str]:
    """The test texts of a dataset that a run was on (its fact `dataset_fingerprint`).

    Raises UnfreezeError where they are not on this disk, as after the cache was emptied.
    """
    file = _texts_file(dataset_fingerprint)
    try:
        found = StoredTexts(file)
        cache.touch(file)
        return found
    except (OSError, ValueError):
        sample, fingerprint = _sample()
        if dataset_fingerprint == fingerprint:
            return sample
    raise UnfreezeError(
        "The test texts are not on this disk; one run on this dataset brings them back."
    )


def _texts_file(fingerprint: str) -> Path:
    return paths.cache_dir() / f"texts-{fingerprint}.bin"


@functools.cache
def _sample() -> tuple[list[str], str]:
    """The sample's test texts, which can always be written again, and its fingerprint."""
    sample = drain(datasets.load("sample"))
    return sample.test.texts, sample.fingerprint
