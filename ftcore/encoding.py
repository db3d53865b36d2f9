"""Texts encoded once for each dataset and vocabulary, and kept on disk."""

import uuid

import numpy as np

from ftcore import settings, text
from ftcore.batches import Tokens
from ftcore.checkpoints import fingerprint
from ftcore.datasets import TextDataset
from ftcore.events import Task
from ftcore.shape import LONGEST


def encode(dataset: TextDataset, vocab: text.Vocab) -> Task[tuple[Tokens, Tokens]]:
    """The train and test texts of a dataset as packed tokens, from the cache where they are there."""
    ids, offsets = yield from _arrays(dataset, vocab)
    count = len(dataset.train.texts)
    border = offsets[count]
    return (
        Tokens.pack(ids[:border], offsets[: count + 1], dataset.train.labels),
        Tokens.pack(ids[border:], offsets[count:] - border, dataset.test.labels),
    )


def _arrays(dataset: TextDataset, vocab: text.Vocab) -> Task[tuple[np.ndarray, np.ndarray]]:
    name = f"{dataset.fingerprint}-{fingerprint(list(vocab.itos))}.npz"
    file = settings.cache_dir() / name
    texts = dataset.train.texts + dataset.test.texts
    try:
        with np.load(file) as stored:
            ids, offsets = stored["ids"], stored["offsets"]
        if len(offsets) == len(texts) + 1:
            return ids, offsets
    except (OSError, ValueError, KeyError, EOFError):  # not there yet, or cut short by a crash
        pass
    ids, offsets = yield from text.encode(texts, vocab, LONGEST)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{uuid.uuid4().hex}.npz")
    try:
        np.savez(part, ids=ids, offsets=offsets)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return ids, offsets
