"""The built-in sample: reproducible, balanced, well written, rightly labelled, and hard to count."""

import re
from hashlib import sha256
from statistics import mean

import pytest

from ftcore.data import sample

GOOD = "wonderful|brilliant|superb|clever|entertaining|engaging|enjoyable|delightful|splendid"
BAD = "awful|terrible|dull|boring|tedious|silly|predictable|dreadful|lousy|tiresome"
ADVERB = r"(?:truly |really |remarkably )?"


@pytest.fixture(scope="module")
def reviews() -> tuple[list[str], list[int], list[str], list[int]]:
    return sample.generate()


def test_the_same_seed_writes_the_same_reviews(reviews):
    # Runs are compared by the texts they trained on: whoever changes the grammar changes this too.
    assert sha256(repr(reviews).encode()).hexdigest()[:16] == "692aaf7b84814a7f"
    assert sample.generate(1, 100, 20) == sample.generate(1, 100, 20)
    assert sample.generate(1, 100, 20) != sample.generate(2, 100, 20)


def test_sizes_balance_and_no_review_twice(reviews):
    train, train_labels, test, test_labels = reviews
    assert (len(train), len(test)) == (6000, 1000)
    assert (sum(train_labels), sum(test_labels)) == (3000, 500)
    assert len({*train, *test}) == 7000


def test_test_reviews_hold_known_words_in_new_company(reviews):
    train, _, test, _ = reviews
    assert _grams(test, 1) <= _grams(train, 1)
    assert _grams(test, 2) - _grams(train, 2)


def test_the_english_is_clean(reviews):
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
def test_labels_are_what_a_reader_would_say(reviews, pattern, agrees):
    texts, labels = reviews[0] + reviews[2], reviews[1] + reviews[3]
    for words, praise in ((GOOD, True), (BAD, False)):
        found = re.compile(pattern.format(words=words, adverb=ADVERB))
        said = [label for text, label in zip(texts, labels, strict=True) if found.search(text)]
        assert len(said) >= 5
        assert set(said) == {int(praise == agrees)}


@pytest.mark.parametrize(
    ("sentence", "label"),
    [
        ("You will not regret seeing it.", 1),
        ("I cannot recommend it to anyone.", 0),
        ("I would rather see it twice than miss it.", 1),
        ("I would rather miss it than see it twice.", 0),
        ("My only complaint is that it ends.", 1),
        ("I was sorry that it did not end sooner.", 0),
    ],
)
def test_closing_words_agree_with_the_label(reviews, sentence, label):
    said = {b for a, b in zip(reviews[0], reviews[1], strict=True) if sentence in a}
    assert said == {label}


def test_word_order_matters(reviews):
    """Counting words leaves much to learn; pairs of words tell more, yet not all."""
    assert 0.6 < _accuracy_of_counting(reviews, 1) < 0.78
    assert _accuracy_of_counting(reviews, 2) < 0.9


def _grams(texts: list[str], size: int) -> set[tuple[str, ...]]:
    words = [re.findall(r"\w+", text.lower()) for text in texts]
    return {tuple(w[i : i + size]) for w in words for i in range(len(w) - size + 1)}


def _accuracy_of_counting(reviews, longest: int) -> float:
    """Test accuracy of TF-IDF over n-grams up to `longest` words, and logistic regression."""
    text = pytest.importorskip("sklearn.feature_extraction.text")
    linear = pytest.importorskip("sklearn.linear_model")
    train, train_labels, test, test_labels = reviews
    vectorizer = text.TfidfVectorizer(ngram_range=(1, longest))
    model = linear.LogisticRegression(C=3, max_iter=1000)
    model.fit(vectorizer.fit_transform(train), train_labels)
    return float(model.score(vectorizer.transform(test), test_labels))
