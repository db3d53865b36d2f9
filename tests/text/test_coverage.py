"""What of some texts a tokenizer knows."""

from ftcore.events import drain
from ftcore.text import coverage
from ftcore.text.word_rules import CURRENT
from ftcore.text.words import WordTokenizer


def test_counts_of_words():
    tokenizer = WordTokenizer(CURRENT, ["<unk>", "<pad>", "a", "fine", "film"])
    measured = drain(coverage.measure(tokenizer, ["A fine film", "Un beau film", ""]))
    assert measured.lengths.tolist() == [3, 3, 0]
    assert measured.unknown.tolist() == [0, 2, 0]
    assert measured.words.tolist() == [3, 3, 0]
