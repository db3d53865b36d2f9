"""Token ids of a dataset, encoded once per vocabulary and cached on disk."""

from ftcore.data.text_dataset import TextDataset
from ftcore.events import Task
from ftcore.models.fingerprints import of_words
from ftcore.storage import cache
from ftcore.text import vocabulary
from ftcore.text.batches import Tokens
from ftcore.text.tokenizers import Tokenizer
from ftcore.text.truncation import MAX_LENGTH


def encode(
    dataset: TextDataset, vocab: vocabulary.Vocab, tokenizer: Tokenizer
) -> Task[tuple[Tokens, Tokens]]:
    """Return the train and test texts of a dataset as packed tokens, from the cache if possible."""
    name = f"{dataset.fingerprint}-{of_words(vocab.itos)}-{tokenizer.name}"
    texts, count = dataset.train.texts + dataset.test.texts, len(dataset.train.texts)
    stored = cache.load(name)
    if "ids" not in stored or len(stored.get("offsets", ())) != len(texts) + 1:
        ids, offsets = yield from vocabulary.encode(texts, vocab, tokenizer, MAX_LENGTH)
        stored = {"ids": ids, "offsets": offsets}
        cache.store(name, stored)
    ids, offsets = stored["ids"], stored["offsets"]
    border = offsets[count]
    return (
        Tokens.pack(ids[:border], offsets[: count + 1], dataset.train.labels),
        Tokens.pack(ids[border:], offsets[count:] - border, dataset.test.labels),
    )
