"""Texts encoded once for each dataset and vocabulary, and kept on disk."""

import uuid

import numpy as np

from ftcore import settings, text
from ftcore.batches import Tokens
from ftcore.checkpoints import fingerprint
from ftcore.datasets import TextDataset, Texts
from ftcore.events import Progress, Task
from ftcore.shape import LONGEST


def encode(dataset: TextDataset, vocab: text.Vocab) -> Task[tuple[Tokens, Tokens]]:
    """The train and test texts of a dataset as packed tokens, from the cache where they are there."""
    key = f"{dataset.fingerprint}-{fingerprint(list(vocab.itos))}"
    total = len(dataset.train.texts) + len(dataset.test.texts)
    train = yield from _encode(dataset.train, vocab, f"{key}-train", 0, total)
    test = yield from _encode(dataset.test, vocab, f"{key}-test", len(train), total)
    return train, test


def _encode(texts: Texts, vocab: text.Vocab, key: str, before: int, total: int) -> Task[Tokens]:
    file = settings.cache_dir() / f"{key}.npz"
    try:
        with np.load(file) as stored:
            arrays = stored["ids"], stored["offsets"]
    except (OSError, ValueError, KeyError, EOFError):  # absent, or cut short by a crash
        task = text.encode(texts.texts, vocab, LONGEST)
        while True:
            try:
                event = next(task)
            except StopIteration as end:
                arrays = end.value
                break
            yield Progress("encoding", before + event.done, total, event.unit)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{uuid.uuid4().hex}.npz")
        try:
            np.savez(part, ids=arrays[0], offsets=arrays[1])
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    return Tokens.pack(*arrays, texts.labels)
