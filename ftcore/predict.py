"""From texts to labels, with any checkpoint, also that of a run still in training."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

import torch

from ftcore import checkpoints, text
from ftcore.batches import Tokens
from ftcore.checkpoints import Checkpoint
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task, drain
from ftcore.models import TextClassifier
from ftcore.shape import LONGEST

BATCH = 64
LOADED = 6  # models kept in memory, those used last

_lock = threading.Lock()
_models: OrderedDict[tuple[str, float], tuple[TextClassifier, text.Vocab]] = OrderedDict()


@dataclass(frozen=True)
class Prediction:
    """What a model says of one text. `known` tells for each token whether the vocabulary holds it."""

    label: str
    probabilities: dict[str, float]
    milliseconds: float
    tokens: list[str]
    known: list[bool]
    gap: int | None  # where in `tokens` a long text goes on behind what is not read

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
    """The same for many texts, saying how far it is; milliseconds are the mean over each batch."""
    for number, one in enumerate(texts, start=1):
        if not one.strip():
            which = "" if len(texts) == 1 else f" {number}"
            raise UnfreezeError(f"Text{which} is empty; type at least one word.")
    checkpoint = checkpoints.find(ref)
    model, vocab = load(checkpoint)
    found: list[Prediction] = []
    for start in range(0, len(texts), BATCH):
        clock = time.perf_counter()
        some = texts[start : start + BATCH]
        ids, offsets = drain(text.encode(some, vocab, LONGEST))
        tokens = Tokens.pack(ids, offsets, [0] * len(some))
        with torch.inference_mode():
            logits = model(*tokens.batch(torch.arange(len(some)), checkpoint.window))
            probabilities = logits.softmax(1).tolist()
        milliseconds = (time.perf_counter() - clock) * 1000 / len(some)
        lengths = offsets[1:] - offsets[:-1]
        for one, scores, length in zip(some, probabilities, lengths, strict=True):
            words = checkpoint.window.cut(text.tokenize(one)[:LONGEST])
            found.append(
                Prediction(
                    label=checkpoint.labels[scores.index(max(scores))],
                    probabilities=dict(zip(checkpoint.labels, scores, strict=True)),
                    milliseconds=milliseconds,
                    tokens=words,
                    known=[word in vocab.stoi for word in words],
                    gap=checkpoint.window.head if int(length) > checkpoint.max_length else None,
                )
            )
        yield Progress("testing", len(found), len(texts), "texts")
    return found


def load(checkpoint: Checkpoint) -> tuple[TextClassifier, text.Vocab]:
    """Model and vocabulary, kept in memory until the files change or others are used more."""
    key = (checkpoint.ref, checkpoint.version)
    with _lock:
        if key not in _models:
            model = checkpoints.load_model(checkpoint)
            with torch.inference_mode():  # the first pass of a process takes half a second
                model(torch.tensor([[text.UNK]]), torch.tensor([1]))
            _models[key] = model, checkpoints.load_vocabulary(checkpoint)
            while len(_models) > LOADED:
                _models.popitem(last=False)
        _models.move_to_end(key)
        return _models[key]
