"""From texts to labels, with any checkpoint, also that of a run still in training."""

import copy
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property

import torch

from ftcore import devices
from ftcore.errors import UnfreezeError
from ftcore.events import Task, drain
from ftcore.models import checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.classifier import TextClassifier
from ftcore.text import vocabulary
from ftcore.text.batches import Tokens
from ftcore.text.truncation import MAX_LENGTH, Truncation
from ftcore.training import learners

LOADED = 6  # models kept in memory, those used last

_CPU = torch.device("cpu")
_lock = threading.Lock()
_models: OrderedDict[tuple[str, float], tuple[TextClassifier, vocabulary.Vocab]] = OrderedDict()


@dataclass(frozen=True)
class Prediction:
    """What a model says of one text; what it read of it is worked out when somebody asks."""

    label: str
    probabilities: dict[str, float]
    milliseconds: float
    whole: str = field(repr=False)  # the text
    window: Truncation = field(repr=False)
    vocab: vocabulary.Vocab = field(repr=False, compare=False)

    @cached_property
    def _words(self) -> list[str]:
        return vocabulary.tokenize(self.whole)[:MAX_LENGTH]

    @cached_property
    def tokens(self) -> list[str]:
        """The words that the model reads."""
        return self.window.cut(self._words)

    @cached_property
    def known(self) -> list[bool]:
        """For each token, whether the vocabulary holds it."""
        return [token in self.vocab.stoi for token in self.tokens]

    @property
    def gap(self) -> int | None:
        """Where in `tokens` a long text goes on behind what is not read."""
        return self.window.head if len(self._words) > self.window.length else None

    @property
    def truncated(self) -> bool:
        """Whether some of the text was not read."""
        return self.gap is not None

    @property
    def unknown(self) -> list[str]:
        """The tokens that the model has never seen."""
        return [token for token, known in zip(self.tokens, self.known, strict=True) if not known]


def predict(ref: str, texts: list[str]) -> list[Prediction]:
    """One prediction a text, in order. Raises UnfreezeError for an empty text or a broken checkpoint."""
    return drain(predict_many(ref, texts))


def predict_many(ref: str, texts: list[str]) -> Task[list[Prediction]]:
    """The same for many texts, saying how far it is; milliseconds are the mean over all.

    What fits one batch is computed in fp32 on the CPU, which answers a short text at once; more than
    that on the accelerator, where there is one, and in bf16 where the device has it.
    """
    for number, one in enumerate(texts, start=1):
        if not one.strip():
            which = "" if len(texts) == 1 else f" {number}"
            raise UnfreezeError(f"Text{which} is empty; type at least one word.")
    checkpoint = checkpoints.find(ref)
    if not texts:
        return []
    model, vocab = load(checkpoint)
    clock = time.perf_counter()
    ids, offsets = yield from vocabulary.encode(texts, vocab, MAX_LENGTH)
    tokens = Tokens.pack(ids, offsets, [0] * len(texts))
    device, number_format = _CPU, "fp32"
    if tokens.lengths(checkpoint.window).sum() > devices.batch_tokens(_CPU):
        device = devices.pick()
        number_format = devices.precision("auto", device)
    if device != _CPU:
        model = copy.deepcopy(model).to(device)
    learner = learners.whole_model(
        model, tokens.to(device), checkpoint.window, device, number_format
    )
    scores = yield from learner.predict(torch.arange(len(texts)), "testing")
    if not scores.isfinite().all():
        raise UnfreezeError(
            f"The checkpoint {ref} cannot be used: its weights are so large that its answer is no number."
        )
    best = scores.argmax(1).tolist()
    shares = scores.softmax(1).tolist()
    milliseconds = (time.perf_counter() - clock) * 1000 / len(texts)
    return [
        Prediction(
            checkpoint.labels[label],
            dict(zip(checkpoint.labels, row, strict=True)),
            milliseconds,
            one,
            checkpoint.window,
            vocab,
        )
        for one, label, row in zip(texts, best, shares, strict=True)
    ]


def load(checkpoint: Checkpoint) -> tuple[TextClassifier, vocabulary.Vocab]:
    """Model and vocabulary, kept in memory until the files change or others are used more."""
    key = (checkpoint.ref, checkpoint.version)
    with _lock:
        if key not in _models:
            model = checkpoints.load_model(checkpoint, beside=True)
            with torch.inference_mode():  # the first pass of a process takes half a second
                model(torch.tensor([[vocabulary.UNK]]), torch.tensor([1]))
            _models[key] = model, checkpoints.load_vocabulary(checkpoint)
            while len(_models) > LOADED:
                _models.popitem(last=False)
        _models.move_to_end(key)
        return _models[key]
