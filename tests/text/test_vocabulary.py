"""Tokenizer, vocabulary and encoding."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from torchtext.data.utils import get_tokenizer

from ftcore.data import imdb
from ftcore.errors import UnfreezeError
from ftcore.events import Event, Progress, drain
from ftcore.text import vocabulary

VOCAB = vocabulary.vocab_from_tokens([*vocabulary.SPECIALS, "a", "film", "fine", "."])


def encode(texts: list[str], max_length: int | None = None) -> list[list[int]]:
    ids, offsets = drain(vocabulary.encode(texts, VOCAB, max_length))
    assert (ids.dtype, offsets.dtype) == (np.int32, np.int64)
    assert len(ids) == offsets[-1]
    return [ids[a:b].tolist() for a, b in pairwise(offsets)]


def test_vocabulary_keeps_the_given_order() -> None:
    tokens = [*vocabulary.SPECIALS, "zebra", "apple", "zoo", "'"]
    vocab = vocabulary.vocab_from_tokens(tokens)
    assert vocab.itos == tokens
    assert [vocab[token] for token in tokens] == list(range(6))
    assert (vocab["<unk>"], vocab["<pad>"], vocab["never seen"]) == (
        vocabulary.UNK,
        vocabulary.PAD,
        vocabulary.UNK,
    )


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["a", "film"], "must start with <unk> and <pad>"),
        (["<pad>", "<unk>", "a"], "must start with <unk> and <pad>"),
        ([*vocabulary.SPECIALS, "a", "film", "a"], "has 'a' 2 times"),
    ],
)
def test_vocabulary_that_would_shift_its_vectors_is_refused(
    tokens: list[str], sentence: str
) -> None:
    with pytest.raises(UnfreezeError, match=sentence):
        vocabulary.vocab_from_tokens(tokens)


def test_encoding_keeps_the_order_of_texts() -> None:
    assert encode(["A fine FILM.", "film unseen", "a a"]) == [[2, 4, 3, 5], [3, 0], [2, 2]]
    assert len(VOCAB) == len(VOCAB.stoi) == 6, "encoding must not add words to the vocabulary"


@pytest.mark.parametrize("nothing", ["", "   ", "\n\t", '"', ";:", "<br />"])
def test_empty_text_is_one_unknown_token(nothing: str) -> None:
    assert encode([nothing, "a"]) == [[vocabulary.UNK], [2]]


def test_pad_in_a_text_is_an_unknown_word() -> None:
    assert encode(["a <pad> film"]) == [[2, vocabulary.UNK, 3]]


def test_no_texts_encode_to_nothing() -> None:
    assert encode([]) == []


@given(
    texts=st.lists(
        st.text(st.sampled_from("a film.\"'<br />\n\0\u2028\u03a3\u0130"), max_size=60),
        max_size=150,
    ),
    max_length=st.none() | st.integers(1, 20),
)
def test_tokens_are_those_of_the_lesson(texts: list[str], max_length: int | None) -> None:
    tokenizer = get_tokenizer("basic_english")
    expected = [[VOCAB.stoi.get(t, 0) for t in tokenizer(one)[:max_length]] or [0] for one in texts]
    assert encode(texts, max_length) == expected


def test_encoding_reports_progress_and_can_be_cancelled() -> None:
    events: list[Event] = []
    drain(vocabulary.encode(["a"] * 1000, VOCAB, 8), events.append)
    assert events[-1] == Progress("encoding", 1000, 1000, "texts")
    assert len(events) > 10
    task = vocabulary.encode(["a"] * 1000, VOCAB, 8)
    next(task)
    task.close()


def test_real_reviews_encode_as_in_the_lesson(shared_data: Path) -> None:
    folder = ("test/neg",)
    texts = [one for _, one in drain(imdb.read_reviews(shared_data / "aclImdb.tar.gz", folder))][
        :500
    ]
    tokenizer = get_tokenizer("basic_english")
    assert encode(texts, 256) == [
        [VOCAB.stoi.get(token, vocabulary.UNK) for token in tokenizer(one)[:256]] for one in texts
    ]
