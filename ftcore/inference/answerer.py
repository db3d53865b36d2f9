"""Answers to the rows of one part of a table: a batch of texts after the other, sorted by length."""

import copy
from typing import TYPE_CHECKING

import numpy as np

from ftcore import answers, devices
from ftcore.events import Progress, Task
from ftcore.inference import prediction
from ftcore.inference.unfinished import Unfinished
from ftcore.models import calibration
from ftcore.models.checkpoints import Checkpoint

if TYPE_CHECKING:
    import pyarrow as pa

PRECISION = "fp32"  # bf16 differs by up to 0.007, so that a text would get another answer alone


class Answerer:
    """A model on the device where it answers."""

    def __init__(self, checkpoint: Checkpoint, raw: bool) -> None:
        self._checkpoint = checkpoint
        self._calibration = None if raw else calibration.read(checkpoint)
        model, self._tokenizer = prediction.load(checkpoint)
        self._device = devices.pick()
        self._model = model
        if self._device.type != "cpu":
            self._model = copy.deepcopy(model).to(self._device)

    def add_part(self, texts: list[str | None], parts: Unfinished, total: int) -> Task[None]:
        """Answer the rows behind those of the parts."""
        task = self._answer(texts, parts.rows)
        while True:
            try:
                event = next(task)
            except StopIteration as end:
                parts.add(end.value)
                yield Progress("predicting", parts.rows, total, "texts")
                return
            if isinstance(event, Progress):
                done = event.done if event.phase == "testing" else 0
                yield Progress("predicting", parts.rows + done, total, "texts")

    def _answer(self, texts: list[str | None], start: int) -> "Task[pa.Table]":
        """Return the answers to the rows from `start` on."""
        import pyarrow as pa

        labels = self._checkpoint.labels
        answered = [place for place, text in enumerate(texts) if text and text.strip()]
        shares = np.zeros((len(texts), len(labels)), np.float32)
        unknown = np.zeros(len(texts), np.float32)
        said: list[list[str] | None] = [None] * len(texts)
        names = np.full(len(texts), None, object)
        exact: dict[int, list[float]] = {}  # in fp64, by which a text alone gets its set
        if answered:
            tokens = yield from prediction.encode(
                self._tokenizer, [texts[place] or "" for place in answered]
            )
            unknown[answered] = tokens.share(self._tokenizer.unknown, self._checkpoint.truncation)
            tokens = tokens.to(self._device)
            scores = yield from prediction.score(self._checkpoint, self._model, tokens, PRECISION)
            computed = prediction.probabilities(self._checkpoint, scores, self._calibration)
            shares[answered] = computed
            exact = dict(zip(answered, computed.tolist(), strict=True))
            found = prediction.answers_of(self._checkpoint, scores)
            names[answered] = answers.names(found, labels)
            for place, classes in zip(answered, answers.listed(found), strict=True):
                said[place] = [labels[each] for each in classes]
        is_empty = np.ones(len(texts), bool)
        is_empty[answered] = False
        columns = {
            "row": pa.array(np.arange(start, start + len(texts))),
            "text": pa.array(texts, pa.string()),
            "label": pa.array(names, pa.string()),
        }
        if self._checkpoint.thresholds:
            columns["labels"] = pa.array(said, pa.list_(pa.string()))
        for label, share in zip(labels, shares.T, strict=True):
            columns[f"probability_{label}"] = pa.array(share, mask=is_empty)
        columns["unknown"] = pa.array(unknown, mask=is_empty)
        if thresholds := self._checkpoint.thresholds:
            columns["not_sure"] = pa.array(answers.not_sure(shares, thresholds), mask=is_empty)
        return pa.table(columns | self._sets(exact, len(texts)))

    def _sets(self, shares: dict[int, list[float]], count: int) -> "dict[str, pa.Array]":
        """The columns of a calibrated model, by the probabilities of each row with an answer."""
        import pyarrow as pa

        if self._calibration is None:
            return {}
        labels = self._checkpoint.labels
        sets: list[list[str] | None] = [None] * count
        for place, of_row in shares.items():
            sets[place] = self._calibration.label_set(dict(zip(labels, of_row, strict=True)))
        not_sure = [None if labels is None else len(labels) != 1 for labels in sets]
        return {
            "set": pa.array(sets, pa.list_(pa.string())),
            "not_sure": pa.array(not_sure, pa.bool_()),
        }
