"""The tokenizer of the lesson's model: words by a rule, and a vocabulary that gives their ids."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import repeat

import numpy as np
from torchtext.vocab import Vocab

from ftcore import validation
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.text.batches import PAD, Frame
from ftcore.text.word_rules import WordRule

SPECIALS = ("<unk>", "<pad>")
UNK = 0  # PAD is 1: ids of SPECIALS
VOCABULARY = "vocabulary.json"
_CHUNK = 64  # texts between two yields, some milliseconds of work under the GIL


class WordTokenizer:
    """Splits texts by a rule; ids are the positions in `words`, which start with SPECIALS.

    Raises UnfreezeError if they do not, or if a word occurs twice.
    """

    frame = Frame()
    unknown = UNK

    def __init__(self, rule: WordRule, words: Sequence[str]) -> None:
        if tuple(words[: len(SPECIALS)]) != SPECIALS:
            raise UnfreezeError(f"A vocabulary must start with {' and '.join(SPECIALS)}.")
        if len(set(words)) < len(words):
            word, count = Counter(words).most_common(1)[0]
            shown = validation.printable(word)
            raise UnfreezeError(
                f"A vocabulary must hold each word once, but has {shown!r} {count} times."
            )
        self.rule = rule
        self._vocabulary = Vocab(Counter(), specials=list(words))

    @property
    def name(self) -> str:
        """Name and version of the rule, for people and records."""
        return self.rule.name

    @property
    def words(self) -> list[str]:
        words: list[str] = self._vocabulary.itos
        return words

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the words and their order, 16 hex digits."""
        return of_words(self.words)

    def __len__(self) -> int:
        return len(self.words)

    def tokenize(self, text: str) -> list[str]:
        return self.rule.tokenize(text)

    def begins_word(self, tokens: Sequence[str]) -> list[bool]:
        """Every token is a word."""
        return [True] * len(tokens)

    def join(self, tokens: Sequence[str]) -> str:
        """Return the word that a token is."""
        return "".join(tokens)

    @property
    def blank(self) -> int:
        """<unk>: word dropout trains the model on it, so it knows texts of unknown words."""
        return UNK

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """Return the ids of tokens; a "<pad>" in a text is not padding."""
        ids = [self._vocabulary.stoi.get(token, UNK) for token in tokens]
        return [UNK if token == PAD else token for token in ids]

    def known(self, tokens: Sequence[str]) -> list[bool]:
        """Whether each token is in the vocabulary."""
        return [token in self._vocabulary.stoi for token in tokens]

    def encode(
        self, texts: Sequence[str], max_length: int | None
    ) -> Task[tuple[np.ndarray, np.ndarray]]:
        """Return the ids of all texts, int32 [tokens], and their offsets, int64 [texts + 1].

        Each text has at most `max_length` tokens and at least one, which is <unk> for an empty text.
        """
        ids_of = self._vocabulary.stoi.get  # stoi[...] would add each unknown word
        parts = [np.empty(0, np.int32)]
        offsets = np.zeros(len(texts) + 1, np.int64)
        for start in range(0, len(texts), _CHUNK):
            ids: list[int] = []
            for row, text in enumerate(texts[start : start + _CHUNK], start=start + 1):
                tokens = self.tokenize(text)[:max_length]
                ids += map(ids_of, tokens or SPECIALS[:1], repeat(UNK))
                offsets[row] = offsets[start] + len(ids)
            part = np.array(ids, np.int32)
            part[part == PAD] = UNK  # a "<pad>" in a text is not padding
            parts.append(part)
            yield Progress("encoding", min(start + _CHUNK, len(texts)), len(texts), "texts")
        return np.concatenate(parts), offsets

    def files(self) -> Mapping[str, bytes]:
        """What a checkpoint stores of it, content by file name."""
        return {VOCABULARY: json.dumps(self.words, ensure_ascii=False).encode()}


def of_words(words: Sequence[str]) -> str:
    """The hash of a vocabulary and its order, 16 hex digits."""
    return hashlib.sha256("\n".join(map(str, words)).encode("utf-8", "replace")).hexdigest()[:16]
