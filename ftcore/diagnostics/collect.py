"""Computes the diagnostics of a finished run once, so that pages only draw them."""

import contextlib
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ftcore import answers as answering
from ftcore.data import datasets, test_part
from ftcore.diagnostics import dataset_texts, results
from ftcore.diagnostics.results import Diagnostics
from ftcore.events import Noted, Pause, Progress, Stop, Task
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.classifier import Classifier
from ftcore.text.batches import Tokens
from ftcore.text.truncation import MAX_LENGTH, Truncation
from ftcore.training import cached_features, objective
from ftcore.training.preparation import TrainingSetup

MAP_TEXTS = 2_000  # texts on the map
SOURCE_TASK_TEXTS = 8_000  # texts of the checkpoint's source task that measure forgetting


def collect(setup: TrainingSetup, scores: Tensor, thresholds: tuple[float, ...] = ()) -> Task[str]:
    """Write a run's diagnostics into its folder, where `Diagnostics.of_run` finds them.

    scores: test scores [texts, classes] of the best weights, whose thresholds are given. Returns a note for
    the run's last message, empty on success: an error or Stop does not undo a finished run. Raises Pause, so
    that a resumed run computes them again.
    """
    try:
        with contextlib.closing(_collect(setup, scores, thresholds)) as task:
            for event in task:
                yield replace(event, phase="diagnostics") if isinstance(event, Progress) else event
    except Pause:
        raise
    except Stop:
        return " Stopped before the diagnostics were complete."
    except Exception as error:
        return results.failure_note(error)
    return ""


def _collect(setup: TrainingSetup, scores: Tensor, thresholds: tuple[float, ...]) -> Task[None]:
    dataset_texts.store(setup.dataset)
    labels, truth = setup.dataset.labels, setup.test.labels.cpu().numpy()
    probabilities = objective.probabilities(scores, setup.dataset.multi_label).numpy()
    answers = Diagnostics(labels, truth, probabilities, thresholds=thresholds)
    if not setup.config.keep_model:
        answers.write(setup.output.parent)
        return
    best = checkpoint_files.load_model(checkpoints.find(setup.ref)).to(setup.device)
    moved = relative_distances(setup.model, best)
    pretrained = None if setup.config.mode == "scratch" else setup.parent
    changed = any(distance for name, distance in moved.items() if name != "head")
    bodies = _Bodies(setup, best, pretrained, changed)
    rows = sample_rows(len(setup.test), MAP_TEXTS)
    vectors = yield from bodies.vectors(setup.test, rows, setup.config.reading)
    before, after = map(principal_components, vectors)
    diagnostics = replace(
        answers,
        map_rows=rows.numpy(),
        map_before=before,
        map_after=_align_signs(after, before),
        moved=moved,
    )
    diagnostics.write(setup.output.parent)
    if forgot := (yield from _measure_forgetting(bodies)):
        replace(diagnostics, forgot=forgot).write(setup.output.parent)


@dataclass(frozen=True)
class _Bodies:
    """The model before and after a run."""

    setup: TrainingSetup
    best: Classifier
    pretrained: Checkpoint | None
    """The checkpoint that the starting body comes from; None for a random body."""
    changed: bool
    """Whether any weight below the head differs between the two."""

    def vectors(
        self, tokens: Tokens, rows: Tensor, truncation: Truncation
    ) -> Task[tuple[np.ndarray, np.ndarray]]:
        """Pooled vectors of texts before and after, fp32 [rows, dim]; a checkpoint's are cached."""
        arguments = tokens, rows, truncation, self.setup.precision
        if self.pretrained:
            before, _ = yield from cached_features.load_or_compute(self.setup.model, *arguments)
        else:
            before = yield from cached_features.compute(self.setup.model, *arguments)
        if not self.changed:
            return before, before
        return before, (yield from cached_features.compute(self.best, *arguments))


def relative_distances(start: Classifier, best: Classifier) -> dict[str, float]:
    """How far each layer group moved: |w - w0| / |w0|, head first."""
    distances = {}
    for old, new in zip(start.layer_groups(), best.layer_groups(), strict=True):
        pairs = list(zip(old.parameters, new.parameters, strict=True))
        distance = sum(float((w - w0).detach().double().square().sum()) for w0, w in pairs)
        norm = sum(float(w0.detach().double().square().sum()) for w0, _ in pairs)
        distances[old.name] = math.sqrt(distance / max(norm, 1e-12))
    return distances


def _measure_forgetting(bodies: _Bodies) -> Task[dict[str, float | str] | None]:
    """Accuracy on the checkpoint's source task through its old head, before and after the run.

    None if there is no other source task, or its data would have to be downloaded.
    """
    setup, parent = bodies.setup, bodies.pretrained
    if (
        parent is None
        or datasets.find(parent.dataset) is None
        or datasets.without_version(parent.dataset) == datasets.without_version(setup.dataset.name)
    ):
        return None
    available = (
        [given]
        if (given := setup.config.source_task_data)
        else [
            source
            for source in dict.fromkeys([parent.origin.get("config", {}).get("source", ""), ""])
            if datasets.is_available(parent.dataset, source)
        ]
    )
    if not available:
        return None
    dataset = yield from datasets.load(parent.dataset, available[0])
    for note in dataset.reading.notes:
        yield Noted(f"{dataset.title}: {note}")
    if not parent.answers(dataset):
        return None
    rows = sample_rows(len(dataset.test.texts), SOURCE_TASK_TEXTS).tolist()
    part = dataset.test.at(rows)
    truth = dataset.truth(part)
    ids, offsets = yield from setup.tokenizer.encode(part.texts, MAX_LENGTH)
    tokens = Tokens.pack(ids, offsets, truth, setup.tokenizer.frame).to(setup.device)
    vectors = yield from bodies.vectors(tokens, torch.arange(len(tokens)), parent.truncation)
    head = setup.parent_head
    assert head is not None  # there is a parent
    with torch.inference_mode():
        before, after = (
            float(answering.right(truth, objective.answers(scores, parent.thresholds)).mean())
            for scores in (head(torch.from_numpy(body)) for body in vectors)
        )
    return {"task": dataset.title, "before": before, "after": after, "texts": len(tokens)}


def principal_components(vectors: np.ndarray) -> np.ndarray:
    """Project vectors [n, dim] on their first two principal components: float32 [n, 2]."""
    centred = vectors - vectors.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    projected = np.zeros((len(vectors), 2), np.float32)
    projected[:, : len(directions)] = centred @ directions[:2].T
    return projected


def _align_signs(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Flip axes of `after` [n, 2] to agree with `before`; the sign of a component is arbitrary."""
    return after * np.where((after * before).sum(0) < 0, -1, 1).astype(np.float32)


def sample_rows(texts: int, count: int) -> Tensor:
    """Draw `count` of `texts` rows, the same for every run, in ascending order; all if there are fewer."""
    return torch.from_numpy(test_part.rows(texts, count))
