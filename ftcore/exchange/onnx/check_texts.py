"""The texts by which an exported model is checked: test texts of its run, or else those of the sample."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from ftcore import tracking
from ftcore.data import datasets
from ftcore.diagnostics import dataset_texts
from ftcore.diagnostics.results import Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.events import Task
from ftcore.models.checkpoints import Checkpoint

COMPARED = 200  # texts whose answers are compared with the model's own
TESTED = 1000  # test texts whose accuracy is measured


@dataclass(frozen=True)
class CheckTexts:
    """Some texts, evenly from a test set; without a run's, their true labels are unknown."""

    title: str
    """Of the dataset."""
    texts: list[str]
    truth: np.ndarray | None = None
    """int64 [texts] or bool [texts, classes]; see `ftcore.answers`."""
    right: np.ndarray | None = None
    """Which ones the run answered right, bool [texts]."""


def of(checkpoint: Checkpoint) -> Task[CheckTexts]:
    """Return the texts for a checkpoint."""
    if checkpoint.kind == "run":
        with suppress(UnfreezeError):  # the record or the texts are gone
            run = tracking.run(checkpoint.ref)
            kept = Diagnostics.of_run(checkpoint.ref)
            texts = dataset_texts.load(run.facts.get("dataset_fingerprint", ""))
            if kept and len(kept.truth) == len(texts):
                rows = _evenly(len(texts), TESTED)
                title = datasets.title(checkpoint.dataset)
                return CheckTexts(title, _at(texts, rows), kept.truth[rows], kept.right[rows])
    sample = yield from datasets.load("sample")
    rows = _evenly(len(sample.test.texts), COMPARED)
    return CheckTexts(sample.title, _at(sample.test.texts, rows))


def compared(texts: int) -> np.ndarray:
    """The rows of those that are compared, evenly from all."""
    return _evenly(texts, COMPARED)


def _evenly(count: int, most: int) -> np.ndarray:
    return np.linspace(0, count - 1, min(count, most)).astype(np.int64)


def _at(texts: Sequence[str], rows: np.ndarray) -> list[str]:
    return [texts[row] for row in rows.tolist()]
