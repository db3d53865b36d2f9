"""Tokenizer, vocabulary and encoding."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st
from torchtext.data.utils import get_tokenizer

from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.text import word_rules
from ftcore.text.batches import PAD
from ftcore.text.words import SPECIALS, UNK, WordTokenizer

WORDS = [*SPECIALS, "a", "film", "fine", "."]
TOKENIZER = WordTokenizer(word_rules.EARLIER, WORDS)
basic_english = get_tokenizer("basic_english")


def encode(texts: list[str], max_length: int | None = None) -> list[list[int]]:
    ids, offsets = drain(TOKENIZER.encode(texts, max_length))
    assert (ids.dtype, offsets.dtype, len(ids)) == (np.int32, np.int64, offsets[-1])
    return [ids[a:b].tolist() for a, b in pairwise(offsets)]


def test_vocabulary_keeps_the_given_order():
    tokens = [*SPECIALS, "zebra", "apple", "zoo", "'"]
    tokenizer = WordTokenizer(word_rules.CURRENT, tokens)
    assert tokenizer.words == tokens
    assert tokenizer.ids(tokens) == [0, UNK, 2, 3, 4, 5], "<pad> in a text is not padding"
    assert tokenizer.ids(["never seen"]) == [UNK] and PAD == 1


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
        WordTokenizer(word_rules.CURRENT, tokens)


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
    expected = [TOKENIZER.ids(text) for text in tokens]
    assert encode(texts, max_length) == expected
    assert len(TOKENIZER) == 6, "encoding must not add words to the vocabulary"
