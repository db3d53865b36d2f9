"""Looks inside a finished run, once, so that no page has to compute what it shows."""

import copy
import math
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ftcore.data import datasets
from ftcore.diagnostics import insights
from ftcore.diagnostics.insights import Insights
from ftcore.events import Pause, Progress, Stop, Task
from ftcore.models import checkpoints
from ftcore.models.classifier import TextClassifier
from ftcore.text import vocabulary
from ftcore.text.batches import Tokens
from ftcore.text.truncation import MAX_LENGTH, Truncation
from ftcore.training import learners
from ftcore.training.preparation import Run

POINTS = 2_000  # texts on the map
OWN_TEXTS = 8_000  # of the checkpoint's own task, to see what was forgotten
HEAD = "head"
T = TypeVar("T")


def gather(run: Run, scores: Tensor) -> Task[str]:
    """Leave in the run's folder what `insights.load` reads; `scores` [test texts, classes] are its answers.

    Whatever fails, or stops it, a run that is over stays so: the result is a sentence to add to its last
    words, empty where all went well. A pause ends it, to look again.
    """
    try:
        yield from _inside(_gather(run, scores))
    except Pause:
        raise
    except Stop:
        return " Stopped before all was seen that happened inside."
    except Exception as error:
        return insights.unknown(error)
    return ""


def _gather(run: Run, scores: Tensor) -> Task[None]:
    insights.keep_texts(run.dataset)
    best = checkpoints.load_model(checkpoints.find(run.ref)).to(run.device)
    start = copy.deepcopy(best)
    start.load_state_dict(run.initial, strict=False)  # what is not there never trained
    moved = _moved(start, best)
    bodies = _Bodies(run, start, best, any(moved[name] for name in moved if name != HEAD))
    rows = _drawn(len(run.test), POINTS)
    vectors = yield from bodies.vectors(run.test, rows, run.config.window)
    before, after = map(principal, vectors)
    found = Insights(
        run.dataset.labels,
        run.test.labels.cpu().numpy(),
        scores.softmax(1).numpy(),
        rows.numpy(),
        before,
        _turned(after, before),
        moved,
    )
    insights.write(run.output.parent, found)
    if forgot := (yield from _forgot(bodies)):
        insights.write(run.output.parent, replace(found, forgot=forgot))


@dataclass(frozen=True)
class _Bodies:
    """The model before and after a run, and whether anything below the head `changed`."""

    run: Run
    start: TextClassifier
    best: TextClassifier
    changed: bool

    @property
    def pretrained(self) -> bool:
        """Whether the starting body is that of the checkpoint."""
        return self.run.parent is not None and self.run.config.mode != "scratch"

    def vectors(
        self, tokens: Tokens, rows: Tensor, window: Truncation
    ) -> Task[tuple[np.ndarray, np.ndarray]]:
        """Pooled vectors of some texts before and after, fp32 [rows, dim]; those before are kept."""
        run = self.run
        if self.pretrained:
            before, _ = yield from learners.pooled(
                self.start, tokens, rows, window, run.device, run.number_format
            )
        else:
            before = yield from self._of(self.start, tokens, rows, window)
        after = (yield from self._of(self.best, tokens, rows, window)) if self.changed else before
        return before, after

    def _of(
        self, model: TextClassifier, tokens: Tokens, rows: Tensor, window: Truncation
    ) -> Task[np.ndarray]:
        whole = learners.whole_model(model, tokens, window, self.run.device, self.run.number_format)
        return (yield from learners.features(model, whole, rows)).cpu().numpy()


def _moved(start: TextClassifier, best: TextClassifier) -> dict[str, float]:
    """How far each layer group went: |w - w0| / |w0|, head first."""
    found = {}
    for old, new in zip(start.layer_groups(), best.layer_groups(), strict=True):
        pairs = list(zip(old.parameters(), new.parameters(), strict=True))
        way = sum(float((w - w0).detach().double().square().sum()) for w0, w in pairs)
        size = sum(float(w0.detach().double().square().sum()) for w0, _ in pairs)
        found[old.name] = math.sqrt(way / max(size, 1e-12))
    return found


def _forgot(bodies: _Bodies) -> Task[dict[str, float | str] | None]:
    """The checkpoint's own task, answered by its old head on the body before and after.

    None where it has none but this one, or its data is not at hand.
    """
    run, parent = bodies.run, bodies.run.parent
    if parent is None or not bodies.pretrained or parent.dataset == run.dataset.name:
        return None
    places = [run.config.own_data, parent.origin.get("config", {}).get("source", "")]
    at_hand = [
        place
        for place in [*filter(None, places), ""]
        if datasets.is_available(parent.dataset, place)
    ]
    if not at_hand:
        return None
    dataset = yield from datasets.load(parent.dataset, at_hand[0])
    if dataset.labels != parent.labels:
        return None
    drawn = _drawn(len(dataset.test.texts), OWN_TEXTS).tolist()
    labels = torch.tensor([dataset.test.labels[row] for row in drawn])
    ids, offsets = yield from vocabulary.encode(
        [dataset.test.texts[row] for row in drawn], checkpoints.load_vocabulary(parent), MAX_LENGTH
    )
    tokens = Tokens.pack(ids, offsets, labels.tolist()).to(run.device)
    vectors = yield from bodies.vectors(tokens, torch.arange(len(tokens)), parent.window)
    head = checkpoints.load_model(parent).classifier
    with torch.inference_mode():
        before, after = (
            float((head(torch.from_numpy(one)).argmax(1) == labels).float().mean())
            for one in vectors
        )
    return {"task": dataset.title, "before": before, "after": after, "texts": len(tokens)}


def principal(vectors: np.ndarray) -> np.ndarray:
    """Vectors [n, dim] on their first two principal components: float32 [n, 2]."""
    centred = vectors - vectors.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    found = np.zeros((len(vectors), 2), np.float32)
    found[:, : len(directions)] = centred @ directions[:2].T
    return found


def _turned(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """`after` [n, 2] with the sign of each axis, which is chance, as it agrees with `before`."""
    return after * np.where((after * before).sum(0) < 0, -1, 1).astype(np.float32)


def _drawn(texts: int, count: int) -> Tensor:
    """The same rows, ascending, for every run: `count` of them, or all where there are no more."""
    rows = np.random.default_rng(0).permutation(texts)[:count]
    return torch.from_numpy(np.sort(rows))


def _inside(task: Task[T]) -> Task[T]:
    """The same task, with all its progress told as that of looking inside."""
    try:
        while True:
            try:
                event = next(task)
            except StopIteration as end:
                return end.value
            yield replace(event, phase="looking inside") if isinstance(event, Progress) else event
    finally:
        task.close()
