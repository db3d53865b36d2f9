"""The stored diagnostics of a run: test answers, a map of text vectors, what moved, what was forgotten.

    insights.npz     the arrays of `Diagnostics`; the map's are called rows, before and after
    insights.json    the other fields, and a checksum of both files; thresholds only where there are some

Both lie beside the checkpoint in the run's folder.
"""

import contextlib
import io
import json
import logging
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ftcore import answers as answering, classification_metrics, validation
from ftcore.classification_metrics import ClassMetrics
from ftcore.data.text_dataset import TextDataset
from ftcore.diagnostics import dataset_texts
from ftcore.errors import UnfreezeError, user_message
from ftcore.models import checkpoints
from ftcore.storage import files, shared_runs

log = logging.getLogger(__name__)
ARRAYS, METADATA = "insights.npz", "insights.json"


_ARRAYS = {  # name in the file → field
    "truth": "truth",
    "probabilities": "probabilities",
    "rows": "map_rows",
    "before": "map_before",
    "after": "map_after",
}


def _no_points() -> np.ndarray:
    return np.zeros((0, 2), np.float32)


@dataclass(frozen=True)
class Diagnostics:
    """What a run's best weights answer, and how they differ from the weights it started from.

    A reference line has answers only; the other fields keep their defaults.
    """

    labels: tuple[str, ...]
    truth: np.ndarray
    """True labels of the test texts, int64 [texts] or bool [texts, classes]; see `ftcore.answers`."""
    probabilities: np.ndarray
    """Of the classes of the test texts, float32 [texts, classes]."""
    map_rows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """Test texts on the map, int64 [points]; the same rows for every run on a dataset."""
    map_before: np.ndarray = field(default_factory=_no_points)
    """First two principal components of the starting body's vectors, float32 [points, 2]."""
    map_after: np.ndarray = field(default_factory=_no_points)
    """The same for the trained body."""
    moved: dict[str, float] = field(default_factory=dict)
    """Layer group → |w - w0| / |w0|, head first; 0 for frozen groups."""
    forgot: dict[str, float | str] | None = None
    """Accuracy on the checkpoint's source task, through its old head, for example
    {"task": "AG News", "before": 0.884, "after": 0.51, "texts": 7600}; None if not measured."""
    thresholds: tuple[float, ...] = ()
    """Of each label where a text may have several; else none."""

    @cached_property
    def answers(self) -> np.ndarray:
        """The answers to the test texts, in the form of `truth`."""
        return answering.of(self.probabilities, self.thresholds)

    @cached_property
    def right(self) -> np.ndarray:
        """Which test texts are answered right, bool [texts]."""
        return answering.right(self.truth, self.answers)

    @cached_property
    def by_class(self) -> ClassMetrics:
        """Precision, recall, F1 and texts of each class, and their means."""
        return classification_metrics.measure(self.truth, self.answers, len(self.labels))

    @classmethod
    def of_run(cls, run_id: str) -> "Diagnostics | None":
        """Read the diagnostics of a run; None if there are none, as for an unfinished run."""
        with contextlib.suppress(UnfreezeError):  # what another machine has cannot be had
            shared_runs.bring(run_id)
        return cls.read(checkpoints.run_path(run_id).parent)

    @classmethod
    def read(cls, folder: Path) -> "Diagnostics | None":
        """Read diagnostics from a folder; None if they are missing or damaged."""
        try:
            metadata = validation.read_json(folder / METADATA)
            checksum = metadata.pop("checksum", None)  # earlier versions wrote none
            if checksum not in (None, _checksum(metadata, (folder / ARRAYS).read_bytes())):
                return None
            validation.check_zip_checksums(folder / ARRAYS)
            with np.load(folder / ARRAYS) as stored:
                arrays = {_ARRAYS[name]: stored[name] for name in stored}
            labels, moved, forgot = (metadata[name] for name in ("labels", "moved", "forgot"))
            thresholds = tuple(metadata.get("thresholds", ()))
            diagnostics = cls(
                tuple(labels), moved=moved, forgot=forgot, thresholds=thresholds, **arrays
            )
            _check(diagnostics)
            return diagnostics
        except Exception:  # zipfile, numpy and json raise nearly anything for damaged files
            return None

    def answers_only(self) -> "Diagnostics":
        """The answers in half precision, and nothing else: a few kilobytes for 2,000 texts.

        No text changes its answer.
        """
        rounded = self.probabilities.astype(np.float16)
        if self.thresholds:
            changed = answering.of(rounded, self.thresholds) != self.answers
            towards = np.where(self.answers, np.float16(1), np.float16(0))
            rounded[changed] = np.nextafter(rounded, towards)[changed]
        else:
            [tied] = np.nonzero(rounded.argmax(1) != self.answers)
            top = self.answers[tied]
            rounded[tied, top] = np.nextafter(rounded[tied].max(1), np.float16(1))
        return Diagnostics(self.labels, self.truth, rounded, thresholds=self.thresholds)

    def write(self, folder: Path) -> None:
        """Write the diagnostics into a folder. Raises OSError."""
        arrays = io.BytesIO()
        by_name = {name: getattr(self, field) for name, field in _ARRAYS.items()}
        np.savez_compressed(arrays, **by_name)
        metadata: dict[str, Any] = {
            "labels": self.labels,
            "moved": self.moved,
            "forgot": self.forgot,
        }
        if self.thresholds:
            metadata["thresholds"] = list(self.thresholds)
        metadata["checksum"] = _checksum(metadata, arrays.getbuffer())
        files.write(folder / ARRAYS, arrays.getbuffer())
        files.write(folder / METADATA, json.dumps(metadata, indent=1).encode())


def _checksum(metadata: dict[str, Any], arrays: bytes | memoryview) -> str:
    """CRC-32 of both files: a changed digit would be shown as a figure."""
    content = json.dumps(metadata, sort_keys=True).encode()
    return f"{zlib.crc32(content, zlib.crc32(arrays)):08x}"


def store(folder: Path, dataset: TextDataset, diagnostics: Diagnostics) -> str:
    """Write diagnostics and the test texts they refer to.

    Returns a note for the run's last message, empty on success: a finished run stays finished.
    """
    try:
        dataset_texts.store(dataset)
        diagnostics.write(folder)
    except OSError as error:
        return failure_note(error)
    return ""


def failure_note(error: Exception) -> str:
    """Log an error and return what the run's last message says about it."""
    log.warning("diagnostics failed", exc_info=error)
    return f" The diagnostics are missing: {user_message(error) or type(error).__name__ + '.'}"


def _check(diagnostics: Diagnostics) -> None:
    """Raise TypeError or ValueError if the parts do not fit together, as in an edited file."""
    validation.check_field_types(diagnostics)
    truth, probabilities = diagnostics.truth, diagnostics.probabilities
    rows, maps = diagnostics.map_rows, (diagnostics.map_before, diagnostics.map_after)
    texts, points, classes = len(truth), len(rows), len(diagnostics.labels)
    if not (
        truth.shape == ((texts, classes) if diagnostics.thresholds else (texts,))
        and len(diagnostics.thresholds) in (0, classes)
        and rows.shape == (points,)
        and probabilities.shape == (texts, classes)
        and all(part.shape == (points, 2) for part in maps)
        and truth.dtype.kind in ("b" if diagnostics.thresholds else "iu")
        and rows.dtype.kind in "iu"
        and all(part.dtype.kind == "f" for part in (probabilities, *maps))
        and ((truth >= 0) & (truth < classes)).all()
        and ((rows >= 0) & (rows < texts)).all()
        and ((probabilities >= 0) & (probabilities <= 1)).all()
        and np.isfinite(list(diagnostics.moved.values())).all()
        and (diagnostics.forgot is None or _is_valid_forgetting(diagnostics.forgot))
    ):
        raise ValueError("inconsistent diagnostics")


def _is_valid_forgetting(forgot: dict[str, float | str]) -> bool:
    accuracies = [forgot["before"], forgot["after"]]
    return (
        validation.has_type([*accuracies, forgot["texts"]], list[float])
        and isinstance(forgot["task"], str)
        and all(0 <= float(accuracy) <= 1 for accuracy in accuracies)
        and 0 <= float(forgot["texts"]) < 1e15
    )
