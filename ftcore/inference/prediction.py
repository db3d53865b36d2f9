"""Predictions of any checkpoint, including that of a run still in training."""

import copy
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from ftcore import answers as answering, devices
from ftcore.errors import UnfreezeError
from ftcore.events import Task, drain
from ftcore.models import calibration, checkpoint_files, checkpoints
from ftcore.models.calibration import Calibration
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.classifier import Classifier
from ftcore.text.batches import Tokens
from ftcore.text.tokenizer import Tokenizer, says_nothing
from ftcore.text.truncation import MAX_LENGTH, Truncation
from ftcore.training import objective, row_classifier

SAYS_NOTHING = "No word of this text is known to the model: its answer says nothing about it."
CACHED_MODELS = 6  # kept in memory; the least recently used goes first
CACHED_BYTES = 2_000_000_000  # of their weights; the last one is kept, whatever its size

_CPU = torch.device("cpu")
_lock = threading.Lock()
_models: OrderedDict[tuple[str, str], tuple[Classifier, Tokenizer]] = OrderedDict()


@dataclass(frozen=True)
class Prediction:
    """A prediction for one text. The tokens that the model read are computed on demand."""

    label: str
    """The answer in words: of several labels, all of them."""
    labels: tuple[str, ...]
    """The likeliest label, or every one above its threshold."""
    probabilities: dict[str, float]
    thresholds: dict[str, float]
    """Of each label where a text may have several; else none."""
    confidence: float
    """The probability of the whole answer, see `answers.confidence`."""
    milliseconds: float
    text: str = field(repr=False)
    truncation: Truncation = field(repr=False)
    tokenizer: Tokenizer = field(repr=False, compare=False)
    calibration: Calibration | None = None
    """What the probabilities were calibrated by; None for those of the model itself."""

    @property
    def label_set(self) -> list[str]:
        """The labels that hold the true one at the calibration's target; empty without a calibration."""
        return self.calibration.label_set(self.probabilities) if self.calibration else []

    @property
    def not_sure(self) -> bool:
        """Whether a calibrated model cannot name one label at its target, or one of several is close."""
        if self.thresholds:
            shares = np.array([list(self.probabilities.values())])
            return bool(answering.not_sure(shares, list(self.thresholds.values()))[0])
        return self.calibration is not None and len(self.label_set) != 1

    @cached_property
    def _words(self) -> list[str]:
        return self.tokenizer.tokenize(self.text)[:MAX_LENGTH]

    @cached_property
    def tokens(self) -> list[str]:
        """The tokens that the model reads."""
        return self.truncation.cut(self._words)

    @cached_property
    def known(self) -> list[bool]:
        """Whether each token is in the vocabulary."""
        return self.tokenizer.known(self.tokens)

    @property
    def says_nothing(self) -> bool:
        """Whether the model knows no word of the text; punctuation marks are no words."""
        return says_nothing(self.tokenizer, self.tokens)

    @property
    def gap(self) -> int | None:
        """Index in `tokens` before which the middle of a long text was cut out; None if nothing was."""
        return self.truncation.head if self.truncated else None

    @property
    def truncated(self) -> bool:
        """Whether the model reads only a part of the text."""
        return len(self._words) > self.truncation.length

    @property
    def unknown(self) -> list[str]:
        """The tokens that are not in the vocabulary."""
        return [token for token, known in zip(self.tokens, self.known, strict=True) if not known]


def predict(ref: str, texts: list[str], raw: bool = False) -> list[Prediction]:
    """Predictions of a checkpoint for texts, calibrated if it is; `raw`: as the model gives them.

    Raises UnfreezeError for an empty text or a bad checkpoint.
    """
    return drain(predict_many(ref, texts, raw))


def predict_many(ref: str, texts: list[str], raw: bool = False) -> Task[list[Prediction]]:
    """The same as a task that reports progress; `milliseconds` is the mean over all texts.

    What fits into one batch is computed in fp32 on the CPU, where a short text takes least time. Longer
    lists use the accelerator, if there is one, and bf16 if the device has it.
    """
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            which = "" if len(texts) == 1 else f" {number}"
            raise UnfreezeError(f"Text{which} is empty; type at least one word.")
    checkpoint = find(ref)
    if not texts:
        return []
    calibrated = None if raw else calibration.read(checkpoint)
    model, tokenizer = load(checkpoint)
    clock = time.perf_counter()
    tokens = yield from encode(tokenizer, texts)
    device, precision = _CPU, "fp32"
    if tokens.lengths(checkpoint.truncation).sum() > devices.batch_tokens(_CPU):
        device = devices.pick()
        precision = devices.precision("auto", device)
    if device != _CPU:
        model = copy.deepcopy(model).to(device)
    scores = yield from score(checkpoint, model, tokens.to(device), precision)
    shares = probabilities(checkpoint, scores, calibrated)
    milliseconds = (time.perf_counter() - clock) * 1000 / len(texts)
    thresholds = checkpoint.thresholds
    answers = answers_of(checkpoint, scores)
    names = answering.names(answers, checkpoint.labels)
    answered = [
        tuple(checkpoint.labels[label] for label in answer) for answer in answering.listed(answers)
    ]
    confidences = answering.confidence(shares.numpy(), answers).tolist()
    return [
        Prediction(
            name,
            labels,
            dict(zip(checkpoint.labels, of_text, strict=True)),
            dict(zip(checkpoint.labels, thresholds, strict=False)),
            confidence,
            milliseconds,
            text,
            tokenizer.frame.inside(checkpoint.truncation),
            tokenizer,
            calibrated,
        )
        for text, name, labels, of_text, confidence in zip(
            texts, names, answered, shares.tolist(), confidences, strict=True
        )
    ]


def find(ref: str) -> Checkpoint:
    """Return a checkpoint that can classify. Raises UnfreezeError."""
    checkpoint = checkpoints.find(ref)
    if not checkpoint.labels:
        raise UnfreezeError(f"{checkpoint.title} has no last layer yet: fine-tune it first.")
    return checkpoint


def encode(tokenizer: Tokenizer, texts: list[str]) -> Task[Tokens]:
    """Return texts as tokens, without labels."""
    ids, offsets = yield from tokenizer.encode(texts, MAX_LENGTH)
    return Tokens.pack(ids, offsets, [0] * len(texts), tokenizer.frame)


def score(
    checkpoint: Checkpoint, model: Classifier, tokens: Tokens, precision: str
) -> Task[torch.Tensor]:
    """Return scores in the order of the texts, fp32 [texts, classes]; model and tokens share a device."""
    classifier = row_classifier.whole_model(model, tokens, checkpoint.truncation, precision)
    scores = yield from classifier.predict(torch.arange(len(tokens)), "testing")
    if not scores.isfinite().all():
        raise UnfreezeError(
            f"The checkpoint {checkpoint.ref} cannot be used: its weights are so large that its scores "
            "overflow."
        )
    return scores


def probabilities(
    checkpoint: Checkpoint, scores: torch.Tensor, calibrated: Calibration | None
) -> torch.Tensor:
    """Return the probabilities of scores, fp64 [texts, classes], at the temperature of a calibration."""
    scaled = scores.double() / (calibrated.temperature if calibrated else 1.0)
    return objective.probabilities(scaled, bool(checkpoint.thresholds))


def answers_of(checkpoint: Checkpoint, scores: torch.Tensor) -> np.ndarray:
    """Return the answers to texts by their scores [texts, classes]; see `ftcore.answers`."""
    return objective.answers(scores, checkpoint.thresholds)


def load(checkpoint: Checkpoint) -> tuple[Classifier, Tokenizer]:
    """Model and tokenizer of a checkpoint, cached until its files change."""
    key = (checkpoint.ref, checkpoint.version)
    with _lock:
        if key not in _models:
            model = checkpoint_files.load_model(checkpoint, beside=True)
            with torch.inference_mode():  # the first pass of a process takes half a second
                model(torch.zeros(1, 2, dtype=torch.int64), torch.tensor([2]))
            _models[key] = model, checkpoint_files.load_tokenizer(checkpoint)
            while len(_models) > CACHED_MODELS or (len(_models) > 1 and _bytes() > CACHED_BYTES):
                _models.popitem(last=False)
        _models.move_to_end(key)
        return _models[key]


def _bytes() -> int:
    """Size of the cached models."""
    models = [model for model, _ in _models.values()]
    return sum(weight.nbytes for model in models for weight in model.state_dict().values())
