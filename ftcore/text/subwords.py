"""The tokenizer of an encoder: pieces of words, by the tokenizers package; its only importer."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from tokenizers import Tokenizer

from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.text.batches import Frame

DEFINITION = "tokenizer.json"
_WORD_MARKS = ("▁", "Ġ")  # before the first piece of a word: of SentencePiece, of byte-level BPE
_CHUNK = 256  # texts between two yields; the package computes without the GIL


class SubwordTokenizer:
    """Splits texts into the pieces that an encoder was pretrained on.

    definition: the content of a tokenizer.json. Raises UnfreezeError if it is none.
    """

    def __init__(self, definition: str, pad: int) -> None:
        try:
            self._tokenizer = Tokenizer.from_str(definition)
        except Exception:  # the package raises nothing more specific
            raise UnfreezeError("The tokenizer.json of the encoder cannot be read.") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.definition = definition
        self.pad = pad

    @cached_property
    def fingerprint(self) -> str:
        """Hash that changes with the ids of any text, 16 hex digits."""
        return hashlib.sha256(self.definition.encode()).hexdigest()[:16]

    @cached_property
    def frame(self) -> Frame:
        """The special tokens around a text."""
        framed = self._tokenizer.encode("a")
        inner = [at for at, special in enumerate(framed.special_tokens_mask) if not special]
        first, last = (inner[0], inner[-1] + 1) if inner else (len(framed.ids), len(framed.ids))
        return Frame(tuple(framed.ids[:first]), tuple(framed.ids[last:]), self.pad)

    @cached_property
    def unknown(self) -> int | None:
        """The id of what the tokenizer does not know; None if it knows every character."""
        model = json.loads(self.definition)["model"]
        if (name := model.get("unk_token")) is not None:
            return self._tokenizer.token_to_id(name)
        number: int | None = model.get("unk_id")  # of a Unigram
        return number

    @property
    def name(self) -> str:
        """The kind of its pieces, and its fingerprint."""
        return f"{type(self._tokenizer.model).__name__} {self.fingerprint}"

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def tokenize(self, text: str) -> list[str]:
        """Return the pieces of a text; an unknown one is the characters that stand there."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        pieces = zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True)
        return [
            self._unknown_piece(piece, text[slice(*span)]) if number == self.unknown else piece
            for number, piece, span in pieces
        ]

    def _unknown_piece(self, piece: str, characters: str) -> str:
        """The characters, unless another piece is written like them: `ids` must not take it for that one."""
        return piece if self._tokenizer.token_to_id(characters) is not None else characters

    def begins_word(self, tokens: Sequence[str]) -> list[bool]:
        """Whether each piece begins a word: most vocabularies mark that, those of BERT what goes on.

        Where words are marked, a punctuation mark begins one, too.
        """
        if self._continuation:
            return [not token.startswith(self._continuation) for token in tokens]
        begins = [token.startswith(_WORD_MARKS) or not token[:1].isalnum() for token in tokens]
        for at in range(
            1, len(tokens)
        ):  # a mark may stand alone, before a piece that is not marked
            if tokens[at - 1] in _WORD_MARKS and not tokens[at].startswith(_WORD_MARKS):
                begins[at] = False
        return begins

    def join(self, tokens: Sequence[str]) -> str:
        """Return the word that pieces make up, without their marks."""
        if not self._continuation:
            if not all(self.known(tokens)):  # which the package would leave out
                return "".join(tokens).replace("▁", " ").strip()
            return str(self._tokenizer.decode(self.ids(tokens))).strip() or "".join(tokens)
        return "".join(
            [*tokens[:1], *(each.removeprefix(self._continuation) for each in tokens[1:])]
        )

    @cached_property
    def _continuation(self) -> str:
        """What marks pieces that go on with a word; empty if their first pieces are marked."""
        model = json.loads(self.definition)["model"]
        return str(model.get("continuing_subword_prefix") or "")

    @cached_property
    def blank(self) -> int:
        """The mask that the model was pretrained with; without one, the padding."""
        names = ("[MASK]", "<mask>")
        ids = [self._tokenizer.token_to_id(name) for name in names]
        return next((token for token in ids if token is not None), self.pad)

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """Return the ids of pieces; an unknown one may be given by its characters."""
        ids = [self._tokenizer.token_to_id(token) for token in tokens]
        unknown = self.pad if self.unknown is None else self.unknown
        return [unknown if number is None else number for number in ids]

    def piece(self, number: int) -> str:
        """Return the piece of an id."""
        return str(self._tokenizer.id_to_token(number))

    def known(self, tokens: Sequence[str]) -> list[bool]:
        """Whether the vocabulary has each token, other than its mark of the unknown."""
        ids = (self._tokenizer.token_to_id(token) for token in tokens)
        return [number not in (None, self.unknown) for number in ids]

    def encode(
        self, texts: Sequence[str], max_length: int | None
    ) -> Task[tuple[np.ndarray, np.ndarray]]:
        """Return the ids of all texts, int32 [tokens], and their offsets, int64 [texts + 1].

        Special tokens are left out; a batch puts them around what it reads of a text.
        """
        parts = [np.empty(0, np.int32)]
        offsets = np.zeros(len(texts) + 1, np.int64)
        for start in range(0, len(texts), _CHUNK):
            chunk = list(texts[start : start + _CHUNK])
            encodings = self._tokenizer.encode_batch_fast(chunk, add_special_tokens=False)
            for row, encoding in enumerate(encodings, start=start + 1):
                ids = np.array(encoding.ids[:max_length], np.int32)
                offsets[row] = offsets[row - 1] + len(ids)
                parts.append(ids)
            yield Progress("encoding", min(start + _CHUNK, len(texts)), len(texts), "texts")
        # One id more than the texts have: a batch of empty texts reads it before it is masked.
        return np.concatenate([*parts, np.array([self.pad], np.int32)]), offsets

    def files(self) -> Mapping[str, bytes]:
        """What a checkpoint stores of it, content by file name."""
        return {DEFINITION: self.definition.encode()}
