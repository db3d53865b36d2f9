"""A second look at the labels of a dataset: which of them a model that has not seen them finds unlikely."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ftcore import answers
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.data.store import addresses
from ftcore.data.store.addresses import Address
from ftcore.data.store.card import PARTS
from ftcore.data.text_dataset import Texts, numbers
from ftcore.errors import UsageError
from ftcore.events import Noted, Task
from ftcore.formatting import FEW_TEXTS, few_names
from ftcore.labelling import confident_learning, cross_validation, untaught_body
from ftcore.labelling.confident_learning import Judgement
from ftcore.training import cached_features, preparation
from ftcore.training.preparation import TrainingSetup
from ftcore.validation import printable

Listed = Literal["all", "train", "validation", "test"]
LISTED: tuple[Listed, ...] = ("all", *PARTS)


@dataclass(frozen=True)
class Doubt:
    """A text whose label the model finds less likely than another answer."""

    address: Address
    text: str
    label: tuple[int, ...]
    """Positions of its classes: one, or any number where a text may have several labels."""
    suggested: tuple[int, ...]
    """The same of the model's answer."""
    score: float
    """How much likelier the answer is than the label, 0 to 1; of several labels, that of the worst."""
    confident: bool
    """Whether confident learning counts the label as wrong."""


@dataclass(frozen=True)
class SecondLook:
    """What a second look finds, most suspicious first."""

    dataset: str
    """Name of the data, with the number of its version if it has several."""
    checkpoint: str
    """Ref of the checkpoint whose body gave the vectors."""
    labels: tuple[str, ...]
    multi_label: bool
    judged: int
    """How many texts were looked at, in the part that was asked for."""
    doubts: tuple[Doubt, ...]
    vectors_seconds: float
    """What the vectors took, now or when they were computed first."""
    fitting_seconds: float

    @property
    def confident(self) -> int:
        """How many labels confident learning counts as wrong."""
        return sum(doubt.confident for doubt in self.doubts)

    def names(self, label: tuple[int, ...]) -> list[str]:
        return [self.labels[number] for number in label]


def look(config: FineTuneConfig, part: Listed = "all") -> Task[SecondLook]:
    """Judge each label of a dataset by a last layer that was fitted on other texts, and list the doubtful.

    config: data, checkpoint and longest text, in mode linear-probe. The vectors are those of the frozen body,
    from the cache of earlier runs as far as they are there. Test texts are looked at if they are listed;
    training and validation texts in any case. Raises UnfreezeError.
    """
    name = datasets.with_version(config.dataset)  # labels may be given meanwhile
    spec = datasets.find_spec(name)
    if part == "validation" and not spec.validation_size:
        raise UsageError(
            f"The dataset {spec.title} has no validation part of its own, as it is drawn by seed: "
            "choose train."
        )
    if spec.sizes[0] < 2:
        raise UsageError(
            f"The dataset {spec.title} has fewer than two labelled texts to learn from: give some "
            "labels first."
        )
    chosen, note = untaught_body.choose(config.checkpoint, name)
    if note:
        yield Noted(note)
    length = min(config.max_length, chosen.model.max_length)
    config = replace(config, dataset=name, checkpoint=chosen.ref, pooling="auto", max_length=length)
    setup = yield from preparation.prepare(config, Path(), "")
    data, with_test = setup.dataset, part in ("test", "all")
    parts = [data.train, data.test] if with_test else [data.train]
    vectors, vectors_seconds = yield from _vectors(setup, with_test)
    texts = [text for each in parts for text in each.texts]
    labels = np.concatenate([data.truth(each) for each in parts])
    began = time.perf_counter()
    folds = yield from cross_validation.folds(texts, labels)
    probabilities = yield from cross_validation.probabilities(
        vectors, labels, folds, len(data.labels)
    )
    judged = _judged_classes(labels, folds, len(data.labels))
    for each in _notes(len(texts), data.labels, judged):
        yield Noted(each)
    found = addresses.of_texts(data)[: len(texts)]
    listed = np.array([part in ("all", each.part) for each in found], bool)
    judgement = _judge(labels, probabilities, judged)
    return SecondLook(
        name,
        chosen.ref,
        data.labels,
        data.multi_label,
        int(listed.sum()),
        tuple(_doubts(parts, found, listed, judgement)),
        vectors_seconds,
        time.perf_counter() - began,
    )


def _vectors(setup: TrainingSetup, with_test: bool) -> Task[tuple[np.ndarray, float]]:
    """Vectors of all training texts, those for validation included, and of test texts, and their seconds."""
    vectors, seconds = [], 0.0
    for tokens in (setup.train, setup.test)[: 1 + with_test]:
        rows, truncation = torch.arange(len(tokens)), setup.config.truncation
        found, metrics = yield from cached_features.load_or_compute(
            setup.model, tokens, rows, truncation, setup.precision
        )
        vectors.append(found)
        seconds += metrics["features_seconds"]
    return np.concatenate(vectors), seconds


def _judged_classes(labels: np.ndarray, folds: np.ndarray, classes: int) -> np.ndarray:
    """Which classes can be judged, bool [classes]: those with texts in two folds, or with none at all."""
    has = labels if labels.ndim == 2 else np.eye(classes, dtype=bool)[labels]
    in_fold = np.stack([has[folds == fold].any(0) for fold in np.unique(folds)])
    return in_fold.sum(0) != 1


def _notes(texts: int, labels: tuple[str, ...], judged: np.ndarray) -> Iterator[str]:
    alone = [printable(label) for label, kept in zip(labels, judged, strict=True) if not kept]
    if alone:
        yield f"The only text of {few_names(alone)} is not judged, as no other text shows that class."
    if texts < FEW_TEXTS:
        yield f"{texts} texts teach a model little: look at each label yourself."


def _judge(labels: np.ndarray, probabilities: np.ndarray, judged: np.ndarray) -> Judgement:
    """Judge the labels; of a class that cannot be judged, each label counts as right."""
    if labels.ndim == 2:
        probabilities = np.where(judged, probabilities, labels)
        return confident_learning.judge(labels, probabilities)
    found = confident_learning.judge(labels, probabilities)
    kept = judged[labels]
    return replace(
        found, margins=np.where(kept, found.margins, -1.0), confident=found.confident & kept
    )


def _doubts(
    parts: Sequence[Texts], found: Sequence[Address], listed: np.ndarray, judgement: Judgement
) -> Iterator[Doubt]:
    """The texts whose label is not the likeliest, most suspicious first."""
    texts = [pair for each in parts for pair in each.pairs()]
    suggested = answers.listed(judgement.suggested)
    for place in np.argsort(-judgement.margins, kind="stable").tolist():
        if judgement.margins[place] <= 0:
            break
        if listed[place]:
            text, label = texts[place]
            yield Doubt(
                found[place],
                text,
                numbers(label),
                tuple(suggested[place]),
                float(judgement.margins[place]),
                bool(judgement.confident[place]),
            )
