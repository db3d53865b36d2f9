"""Vocabulary, and encoding of texts as token ids."""

from collections import Counter
from collections.abc import Sequence
from itertools import repeat

import numpy as np
from torchtext.vocab import Vocab as Vocab  # the type of a vocabulary, for other modules

from ftcore import validation
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.text.tokenizers import Tokenizer

SPECIALS = ("<unk>", "<pad>")
UNK, PAD = 0, 1  # ids of SPECIALS
_CHUNK = 64  # texts between two yields, some milliseconds of work under the GIL


def vocab_from_tokens(tokens: Sequence[str]) -> Vocab:
    """Return the vocabulary whose ids are the positions in `tokens`, which starts with SPECIALS.

    Raises UnfreezeError if it does not, or if a word occurs twice.
    """
    if tuple(tokens[: len(SPECIALS)]) != SPECIALS:
        raise UnfreezeError(f"A vocabulary must start with {' and '.join(SPECIALS)}.")
    if len(set(tokens)) < len(tokens):
        word, count = Counter(tokens).most_common(1)[0]
        shown = validation.printable(word)
        raise UnfreezeError(
            f"A vocabulary must hold each word once, but has {shown!r} {count} times."
        )
    return Vocab(Counter(), specials=list(tokens))


def known_words(tokens: Sequence[str], vocab: Vocab) -> list[str]:
    """The tokens that are in the vocabulary and are words or numbers, no punctuation marks."""
    return [token for token in tokens if token in vocab.stoi and any(map(str.isalnum, token))]


def encode(
    texts: Sequence[str], vocab: Vocab, tokenizer: Tokenizer, max_length: int | None
) -> Task[tuple[np.ndarray, np.ndarray]]:
    """Return the ids of all texts, int32 [tokens], and their offsets, int64 [texts + 1].

    Each text has at most `max_length` tokens and at least one, which is <unk> for an empty text.
    """
    tokenize = tokenizer.tokenize
    known = vocab.stoi.get  # stoi[...] would add each unknown word
    parts = [np.empty(0, np.int32)]
    offsets = np.zeros(len(texts) + 1, np.int64)
    for start in range(0, len(texts), _CHUNK):
        ids: list[int] = []
        for row, text in enumerate(texts[start : start + _CHUNK], start=start + 1):
            ids += map(known, tokenize(text)[:max_length] or SPECIALS[:1], repeat(UNK))
            offsets[row] = offsets[start] + len(ids)
        part = np.array(ids, np.int32)
        part[part == PAD] = UNK  # a "<pad>" in a text is not padding
        parts.append(part)
        yield Progress("encoding", min(start + _CHUNK, len(texts)), len(texts), "texts")
    return np.concatenate(parts), offsets
