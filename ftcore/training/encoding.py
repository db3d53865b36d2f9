"""Token ids of a dataset, encoded once per vocabulary and cached on disk."""

import numpy as np

from ftcore.data.text_dataset import TextDataset
from ftcore.events import Task
from ftcore.models.checkpoint_files import fingerprint
from ftcore.storage import cache
from ftcore.text import vocabulary
from ftcore.text.batches import Tokens
from ftcore.text.truncation import MAX_LENGTH


def encode(dataset: TextDataset, vocab: vocabulary.Vocab) -> Task[tuple[Tokens, Tokens]]:
    """Return the train and test texts of a dataset as packed tokens, from the cache if possible."""
    name = f"{dataset.fingerprint}-{fingerprint(list(vocab.itos))}"
    ids, offsets = yield from _encoded(name, dataset.train.texts + dataset.test.texts, vocab)
    count = len(dataset.train.texts)
    border = offsets[count]
    return (
        Tokens.pack(ids[:border], offsets[: count + 1], dataset.train.labels),
        Tokens.pack(ids[border:], offsets[count:] - border, dataset.test.labels),
    )


def _encoded(
    name: str, texts: list[str], vocab: vocabulary.Vocab
) -> Task[tuple[np.ndarray, np.ndarray]]:
    """Ids and offsets of texts, as `vocabulary.encode` returns them; cached under `name`."""
    stored = cache.load(name)
    if len(stored.get("offsets", ())) == len(texts) + 1 and "ids" in stored:
        return stored["ids"], stored["offsets"]
    ids, offsets = yield from vocabulary.encode(texts, vocab, MAX_LENGTH)
    cache.store(name, {"ids": ids, "offsets": offsets})
    return ids, offsets
