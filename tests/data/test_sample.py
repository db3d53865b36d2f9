"""The built-in sample: reproducible, balanced, grammatical, rightly labelled, and hard for word counts."""

import re
from hashlib import sha256
from statistics import mean

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from ftcore.data import sample

GOOD = "wonderful|brilliant|superb|clever|entertaining|engaging|enjoyable|delightful|splendid"
BAD = "awful|terrible|dull|boring|tedious|silly|predictable|dreadful|lousy|tiresome"
ADVERB = r"(?:truly |really |remarkably )?"


@pytest.fixture(scope="module")
def reviews() -> tuple[list[str], list[int], list[str], list[int]]:
    return sample.generate()


def test_seed_determines_the_reviews(reviews):
    # Runs are compared by their texts: a change of the grammar makes earlier runs incomparable.
    assert sha256(repr(reviews).encode()).hexdigest()[:16] == "692aaf7b84814a7f"
    assert sample.generate(1, 100, 20) == sample.generate(1, 100, 20)
    assert sample.generate(1, 100, 20) != sample.generate(2, 100, 20)


def test_reviews_are_balanced_and_unique(reviews):
    train, train_labels, test, test_labels = reviews
    assert (len(train), len(test)) == (6000, 1000)
    assert (sum(train_labels), sum(test_labels)) == (3000, 500)
    assert len({*train, *test}) == 7000


def test_test_reviews_combine_known_words_in_new_pairs(reviews):
    train, _, test, _ = reviews
    assert _grams(test, 1) <= _grams(train, 1)
    assert _grams(test, 2) - _grams(train, 2)


def test_reviews_are_grammatical(reviews):
    for text in reviews[0] + reviews[2]:
        assert re.fullmatch(r"[A-Z][a-zA-Z ,]+\.( [A-Z][a-zA-Z ,]+\.){0,3}", text), text
        assert not re.search(r"  | [,.]|\b(\w+) \1\b", text, re.IGNORECASE), text
        assert not re.search(r"\ba ([aeio]|un)|\ba honest|\ban (?!honest)[^aeiou]", text), text
        assert not re.search(r"(scenes|sets|costumes|characters) (is|has|was)\b", text), text
    lengths = [len(text.split()) for text in reviews[0]]
    assert min(lengths) >= 4 and max(lengths) <= 60 and 12 <= mean(lengths) <= 25


@pytest.mark.parametrize(
    ("pattern", "agrees"),
    [
        (r", but (?:this is|I got|I saw|I found|to me it is) an? {adverb}({words}) \w+\.", True),
        (r"^(?:Although|Despite) .*, this is an? {adverb}({words}) \w+\.", True),
        (r"^Unlike [^,]*, which is an? {adverb}({words}) ", False),
        (
            r"^(?:I expected|\w+ \w+ (?:saw|promised me|says this is)) an? {adverb}({words}) \w+, but",
            False,
        ),
        (r"^This is an? {adverb}({words}) \w+, (?:although|despite)", True),
        (r"^Not even .* can (?:spoil|rescue) this {adverb}({words}) ", True),
        (r"^(?:The|This) \w+ is (?:never|far from|anything but|hardly) ({words})\b", False),
        (r"^This is (?:far from|anything but|hardly) an? ({words}) ", False),
        (r"^I expected an? {adverb}({words}) \w+, and ", True),
    ],
)
def test_labels_agree_with_the_adjectives(reviews, pattern, agrees):
    texts, labels = reviews[0] + reviews[2], reviews[1] + reviews[3]
    for words, praise in ((GOOD, True), (BAD, False)):
        regex = re.compile(pattern.format(words=words, adverb=ADVERB))
        matched = [label for text, label in zip(texts, labels, strict=True) if regex.search(text)]
        assert len(matched) >= 5
        assert set(matched) == {int(praise == agrees)}


def test_word_order_matters(reviews):
    """Counting words leaves much to learn; counting pairs of words, less."""
    assert 0.6 < _ngram_accuracy(reviews, 1) < 0.78
    assert _ngram_accuracy(reviews, 2) < 0.9


def _grams(texts: list[str], size: int) -> set[tuple[str, ...]]:
    words = [re.findall(r"\w+", text.lower()) for text in texts]
    return {tuple(w[i : i + size]) for w in words for i in range(len(w) - size + 1)}


def _ngram_accuracy(reviews, max_words: int) -> float:
    """Return the test accuracy of TF-IDF over n-grams and logistic regression."""
    train, train_labels, test, test_labels = reviews
    vectorizer = TfidfVectorizer(ngram_range=(1, max_words))
    model = LogisticRegression(C=3, max_iter=1000)
    model.fit(vectorizer.fit_transform(train), train_labels)
    return float(model.score(vectorizer.transform(test), test_labels))
