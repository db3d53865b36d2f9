"""Tokenizers of pieces: special tokens around what is read of a text, and what counts as unknown."""

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from ftcore.events import drain
from ftcore.text.batches import Tokens
from ftcore.text.subwords import SubwordTokenizer
from ftcore.text.tokenizer import says_nothing
from ftcore.text.truncation import Truncation
from tests.helpers import small_encoders


def test_special_tokens_stand_around_the_start_and_the_end_of_a_long_text():
    tokenizer = SubwordTokenizer(small_encoders.small_tokenizer().to_str(), pad=0)
    texts = ["", "good", "a good film is not the great film it is"]
    ids, offsets = drain(tokenizer.encode(texts, None))
    tokens = Tokens.pack(ids, offsets, [0, 0, 0], tokenizer.frame)
    read, lengths = tokens.batch(torch.arange(3), Truncation(6, 0.5))
    long = tokenizer.ids(["a", "good", "it", "is"])
    [good] = tokenizer.ids(["good"])
    assert lengths.tolist() == tokens.lengths(Truncation(6, 0.5)).tolist() == [2, 3, 6]
    assert read.tolist() == [[1, 2, 0, 0, 0, 0], [1, good, 2, 0, 0, 0], [1, *long, 2]]


def test_what_a_tokenizer_marks_as_unknown_is_unknown():
    pieces = SubwordTokenizer(small_encoders.small_tokenizer().to_str(), pad=0)
    unigram = Tokenizer(models.Unigram([("<unk>", 0.0), ("good", -1.0), ("▁", -2.0)], unk_id=0))
    for tokenizer in (pieces, SubwordTokenizer(unigram.to_str(), pad=0)):
        read = tokenizer.tokenize("good電")
        assert False in tokenizer.known(read)
        assert says_nothing(tokenizer, tokenizer.tokenize("電"))
        assert not says_nothing(tokenizer, tokenizer.tokenize("good"))


def words(tokenizer, text):
    """The words of a text as Why shows them."""
    tokens = tokenizer.tokenize(text)
    starts = [at for at, begins in enumerate(tokenizer.begins_word(tokens)) if begins or not at]
    ends = [*starts[1:], len(tokens)]
    return [tokenizer.join(tokens[start:end]) for start, end in zip(starts, ends, strict=True)]


def test_an_unknown_piece_is_shown_by_its_characters_and_keeps_its_id():
    pieces = small_encoders.small_tokenizer()
    vocabulary = [("<unk>", 0.0), ("▁good", -1.0), ("▁", -2.0), ("s", -1.0)]
    unigram = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    unigram.pre_tokenizer, unigram.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    unigram.add_special_tokens(["<unk>"])
    for package in (pieces, unigram):
        tokenizer = SubwordTokenizer(package.to_str(), 0)
        for text in ("good 電 goods 😀", f"{'x' * 120} good", "good電s"):
            ids = package.encode(text, add_special_tokens=False).ids
            assert tokenizer.ids(tokenizer.tokenize(text)) == ids
        assert words(tokenizer, "good 電 goods 😀") == ["good", "電", "goods", "😀"]
        assert words(tokenizer, f"{'x' * 120} good") == ["x" * 120, "good"]
    assert words(tokenizer, "good電s") == ["good電s"]


def test_a_word_that_is_another_pieces_name_stays_unknown():
    """Upper-case letters are unknown here but for one, which stands for itself and nothing else."""
    package = Tokenizer(models.WordPiece({"[UNK]": 0, "A": 1, "##b": 2}, unk_token="[UNK]"))
    package.normalizer = normalizers.Lowercase()
    tokenizer = SubwordTokenizer(package.to_str(), 0)
    assert tokenizer.tokenize("A") == ["[UNK]"] and tokenizer.tokenize("B") == ["B"]


def test_pieces_are_joined_to_words():
    tokenizer = SubwordTokenizer(small_encoders.small_tokenizer().to_str(), 0)
    tokens = tokenizer.tokenize("The film isn't awfully great")
    begins = tokenizer.begins_word(tokens)
    assert [t for t, first in zip(tokens, begins, strict=True) if not first] == ["##n", "##ly"]
    assert tokenizer.join(["awful", "##ly"]) == "awfully"
