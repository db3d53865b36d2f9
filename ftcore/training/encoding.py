"""Texts encoded once for each dataset and vocabulary, and kept on disk."""

import numpy as np

from ftcore.data.datasets import TextDataset
from ftcore.events import Task
from ftcore.models.checkpoints import fingerprint
from ftcore.storage import cache
from ftcore.text import vocabulary
from ftcore.text.batches import Tokens
from ftcore.text.truncation import MAX_LENGTH


def encode(dataset: TextDataset, vocab: vocabulary.Vocab) -> Task[tuple[Tokens, Tokens]]:
    """The train and test texts of a dataset as packed tokens, from the cache where they are there."""
    ids, offsets = yield from _kept(
        dataset.fingerprint, dataset.train.texts + dataset.test.texts, vocab
    )
    count = len(dataset.train.texts)
    border = offsets[count]
    return (
        Tokens.pack(ids[:border], offsets[: count + 1], dataset.train.labels),
        Tokens.pack(ids[border:], offsets[count:] - border, dataset.test.labels),
    )


def encode_unlabelled(
    texts: list[str], vocab: vocabulary.Vocab
) -> Task[tuple[np.ndarray, np.ndarray]]:
    """Ids and offsets of texts, as `text.encode` returns them."""
    return (yield from _kept(f"unlabelled-{fingerprint(texts)}", texts, vocab))


def _kept(
    of: str, texts: list[str], vocab: vocabulary.Vocab
) -> Task[tuple[np.ndarray, np.ndarray]]:
    name = f"{of}-{fingerprint(list(vocab.itos))}"
    stored = cache.load(name)
    if len(stored.get("offsets", ())) == len(texts) + 1 and "ids" in stored:
        return stored["ids"], stored["offsets"]
    ids, offsets = yield from vocabulary.encode(texts, vocab, MAX_LENGTH)
    cache.store(name, {"ids": ids, "offsets": offsets})
    return ids, offsets
