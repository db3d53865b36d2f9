"""Token ids of a dataset, encoded once per tokenizer and cached on disk."""

import hashlib
from collections.abc import Sequence

import numpy as np

from ftcore.data.text_dataset import TextDataset
from ftcore.events import Task
from ftcore.storage import cache
from ftcore.text.batches import Tokens
from ftcore.text.tokenizer import Tokenizer
from ftcore.text.truncation import MAX_LENGTH


def encode(dataset: TextDataset, tokenizer: Tokenizer) -> Task[tuple[Tokens, Tokens]]:
    """Return the train and test texts of a dataset as packed tokens, from the cache if possible.

    Versions of a dataset whose labels alone differ share them.
    """
    texts, count = dataset.train.texts + dataset.test.texts, len(dataset.train.texts)
    ids, offsets = yield from encode_texts(_digest(texts), texts, tokenizer)
    border, frame = offsets[count], tokenizer.frame
    return (
        Tokens.pack(ids[:border], offsets[: count + 1], dataset.truth(dataset.train), frame),
        Tokens.pack(ids[border:], offsets[count:] - border, dataset.truth(dataset.test), frame),
    )


def encode_texts(
    fingerprint: str, texts: Sequence[str], tokenizer: Tokenizer
) -> Task[tuple[np.ndarray, np.ndarray]]:
    """Return what `Tokenizer.encode` does, from the cache if possible. `fingerprint` is that of the texts."""
    name = f"{fingerprint}-{tokenizer.fingerprint}-{tokenizer.name}".replace(" ", "-")
    stored = cache.load(name)
    if "ids" not in stored or len(stored.get("offsets", ())) != len(texts) + 1:
        ids, offsets = yield from tokenizer.encode(texts, MAX_LENGTH)
        stored = {"ids": ids, "offsets": offsets}
        cache.store(name, stored)
    return stored["ids"], stored["offsets"]


def _digest(texts: Sequence[str]) -> str:
    digest = hashlib.blake2b(digest_size=8)  # 65 MB, the reviews of IMDB, take 0.1 s
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
