"""Tokenizer, vocabulary and encoding."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st
from torchtext.data.utils import get_tokenizer

from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.text import tokenizers, vocabulary
from ftcore.text.vocabulary import PAD, SPECIALS, UNK

VOCAB = vocabulary.vocab_from_tokens([*SPECIALS, "a", "film", "fine", "."])
basic_english = get_tokenizer("basic_english")


def encode(texts: list[str], max_length: int | None = None) -> list[list[int]]:
    ids, offsets = drain(vocabulary.encode(texts, VOCAB, tokenizers.EARLIER, max_length))
    assert (ids.dtype, offsets.dtype, len(ids)) == (np.int32, np.int64, offsets[-1])
    return [ids[a:b].tolist() for a, b in pairwise(offsets)]


def test_vocabulary_keeps_the_given_order():
    tokens = [*SPECIALS, "zebra", "apple", "zoo", "'"]
    vocab = vocabulary.vocab_from_tokens(tokens)
    assert vocab.itos == tokens
    assert [vocab[token] for token in tokens] == list(range(6))
    assert (vocab["<unk>"], vocab["<pad>"], vocab["never seen"]) == (UNK, PAD, UNK)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["a", "film"], "must start with <unk> and <pad>"),
        (["<pad>", "<unk>", "a"], "must start with <unk> and <pad>"),
        ([*SPECIALS, "a", "film", "a"], "has 'a' 2 times"),
    ],
)
def test_vocabulary_that_would_shift_its_vectors_is_refused(tokens, message):
    with pytest.raises(UnfreezeError, match=message):
        vocabulary.vocab_from_tokens(tokens)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", '"', ";:", "<br />", "<pad>"])
def test_text_without_words_is_one_unknown_token(text):
    assert encode([text, "a"]) == [[UNK], [2]]


@given(
    texts=st.lists(
        st.text(st.sampled_from("a film.\"'<br />\n\0\u2028\u03a3\u0130"), max_size=60),
        max_size=150,
    ),
    max_length=st.none() | st.integers(1, 20),
)
def test_tokens_are_those_of_the_lesson(texts, max_length):
    tokens = [basic_english(text)[:max_length] or ["<unk>"] for text in texts]
    expected = [[VOCAB.stoi.get(token, UNK) for token in text] for text in tokens]
    assert encode(texts, max_length) == expected
    assert len(VOCAB) == len(VOCAB.stoi) == 6, "encoding must not add words to the vocabulary"
