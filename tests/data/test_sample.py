"""The built-in sample: reproducible, balanced, rightly labelled, and hard for word counts."""

import re
from hashlib import sha256

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from ftcore.data import sample

GOOD = "wonderful|brilliant|superb|clever|entertaining|engaging|enjoyable|delightful|splendid"
BAD = "awful|terrible|dull|boring|tedious|silly|predictable|dreadful|lousy|tiresome"
ADVERB = r"(?:truly |really |remarkably )?"
TRAIN, TRAIN_LABELS, TEST, TEST_LABELS = sample.generate()


def test_seed_determines_the_reviews():
    # Runs are compared by their texts: a change of the grammar makes earlier runs incomparable.
    reviews = (TRAIN, TRAIN_LABELS, TEST, TEST_LABELS)
    assert sha256(repr(reviews).encode()).hexdigest()[:16] == "692aaf7b84814a7f"
    first = sample.generate(1, 100, 20)
    assert first == sample.generate(1, 100, 20) != sample.generate(2, 100, 20)


def test_reviews_are_balanced_unique_and_grammatical():
    assert (len(TRAIN), len(TEST)) == sample.SPEC.sizes
    assert (sum(TRAIN_LABELS), sum(TEST_LABELS)) == (3000, 500)
    assert len({*TRAIN, *TEST}) == 7000
    for text in TRAIN + TEST:
        assert re.fullmatch(r"[A-Z][a-zA-Z ,]+\.( [A-Z][a-zA-Z ,]+\.){0,3}", text), text
        assert not re.search(r"  | [,.]|\b(\w+) \1\b", text, re.IGNORECASE), text
        assert not re.search(r"\ba ([aeio]|un)|\ba honest|\ban (?!honest)[^aeiou]", text), text
        assert not re.search(r"(scenes|sets|costumes|characters) (is|has|was)\b", text), text


@pytest.mark.parametrize(
    ("pattern", "agrees"),
    [
        (r", but (?:this is|I got|I saw|I found|to me it is) an? {adverb}({words}) \w+\.", True),
        (r"^(?:Although|Despite) .*, this is an? {adverb}({words}) \w+\.", True),
        (r"^Unlike [^,]*, which is an? {adverb}({words}) ", False),
        (r"^(?:I expected|\w+ \w+ (?:saw|promised me)) an? {adverb}({words}) \w+, but", False),
        (r"^This is an? {adverb}({words}) \w+, (?:although|despite)", True),
        (r"^Not even .* can (?:spoil|rescue) this {adverb}({words}) ", True),
        (r"^(?:The|This) \w+ is (?:never|far from|anything but|hardly) ({words})\b", False),
        (r"^This is (?:far from|anything but|hardly) an? ({words}) ", False),
        (r"^I expected an? {adverb}({words}) \w+, and ", True),
    ],
)
def test_labels_agree_with_the_adjectives(pattern, agrees):
    reviews = [*zip(TRAIN, TRAIN_LABELS, strict=True), *zip(TEST, TEST_LABELS, strict=True)]
    for words, praise in ((GOOD, True), (BAD, False)):
        regex = re.compile(pattern.format(words=words, adverb=ADVERB))
        matched = [label for text, label in reviews if regex.search(text)]
        assert len(matched) >= 5
        assert set(matched) == {int(praise == agrees)}


@pytest.mark.parametrize(("max_words", "low", "high"), [(1, 0.6, 0.78), (2, 0.6, 0.9)])
def test_counting_words_leaves_much_to_learn(max_words, low, high):
    vectorizer = TfidfVectorizer(ngram_range=(1, max_words))
    model = LogisticRegression(C=3, max_iter=1000)
    model.fit(vectorizer.fit_transform(TRAIN), TRAIN_LABELS)
    assert low < model.score(vectorizer.transform(TEST), TEST_LABELS) < high
