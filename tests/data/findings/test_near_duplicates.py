"""Near duplicates: planted ones are found, and texts that only look alike are not."""

import random

import numpy as np
import pytest

from ftcore.data import sample
from ftcore.data.findings import copies, near_duplicates
from ftcore.data.findings.finding import NO_LABEL, TEST, TRAIN, LabelledTexts
from ftcore.events import Progress, drain
from tests.helpers import messy_tables

LONG = (
    "I saw the first half hour twice, since I could not believe that a film with such a cast, such "
    "music and such a budget would begin with a traffic jam that lasts until a driver falls asleep."
)


def columns(texts, labels=None, parts=None):
    labels = np.zeros(len(texts), np.int64) if labels is None else np.array(labels)
    parts = np.full(len(texts), TRAIN, np.uint8) if parts is None else np.array(parts, np.uint8)
    return LabelledTexts(texts, labels, parts)


def find(data, on_event=lambda event: None):
    keys = drain(copies.keys(data.texts))
    is_copy = copies.originals(keys, data.parts) != np.arange(len(keys))
    return drain(near_duplicates.find(data, is_copy), on_event)


def pairs(matches):
    return list(zip(matches.rows.tolist(), matches.like.tolist(), strict=True))


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ("good film", "bad film", False),
        ("I liked it very much indeed", "I liked it very much, not", False),
        ("The new phone is now for sale", "The new phone is not for sale", False),
        ("Good film!", "good film", True),
        ("Good film :)", "Good film :(", False),
        ("Good film \N{GRINNING FACE}", "Good film \N{POUTING FACE}", False),
        ("這部電影很好看", "這部電影不好看", False),
        ("अच्छी फिल्म", "अच्छा फिल्म", False),
        ("?", "!", False),
        (LONG, LONG.replace("twice", "once"), True),
        (LONG, LONG.replace(", ", " - ") + " (Reuters)", True),
        (LONG, LONG[: len(LONG) // 2], False),
        (LONG, " ".join(sorted(LONG.split())), False),
    ],
)
def test_a_word_makes_a_short_text_another_one_and_a_long_one_a_near_duplicate(
    first, second, alike
):
    same, other = find(columns(["something else", first, second]))
    assert pairs(same) == ([(2, 1)] if alike else [])
    assert not other.rows.size


def test_the_threshold_is_a_word_in_twenty_five():
    def changed(length):
        words = [f"w{number}" for number in range(length)]
        return find(columns([" ".join(words), " ".join([*words[:9], "x", *words[10:]])]))[0]

    assert not changed(24).rows.size
    assert pairs(changed(25)) == [(1, 0)]


def test_held_out_texts_stay_and_every_text_that_leaves_resembles_one_that_stays():
    chain = [" ".join(f"w{number}" for number in range(first, first + 44)) for first in range(6)]
    same, _ = find(columns(chain, parts=[TRAIN, TRAIN, TRAIN, TEST, TRAIN, TEST]))
    assert pairs(same)[:2] == [(1, 0), (2, 3)]
    assert same.rows.tolist() == [1, 2, 4]


def test_texts_with_different_labels_stay_and_are_told_apart():
    variants = [LONG, LONG.replace("twice", "once"), LONG.replace("film", "movie")]
    same, other = find(columns(variants, labels=[0, 1, NO_LABEL]))
    assert pairs(same) == [(2, 0)]
    assert pairs(other) == [(1, 0)]


def test_hundreds_of_texts_of_one_kind_are_compared_in_time_and_all_but_one_leave():
    texts = [f"{LONG} Number {number}." for number in range(600)]
    progress = []
    same, _ = find(columns(texts), progress.append)
    assert same.rows.tolist() == list(range(1, 600))
    assert all(isinstance(event, Progress) for event in progress) and progress


def test_synthetic_reviews_of_one_grammar_are_no_near_duplicates():
    train, labels, *_ = sample.generate(0, 3000, 1)
    same, _ = find(columns(train, labels))
    assert len(same.rows) <= 3


def another_word(text, rng):
    words = text.split()
    words[rng.randrange(len(words))] = "unusual"
    return " ".join(words)


def other_punctuation(text, rng):
    return text.replace(",", " -").replace("'", "\N{RIGHT SINGLE QUOTATION MARK}") + "!"


def one_word_in_twenty(text, rng):
    words = text.split()
    for place in rng.sample(range(len(words)), max(1, len(words) // 20)):
        words[place] = "unusual"
    return " ".join(words)


def another_sentence(text, rng):
    return f"{text} That is all I have to say about it."


def recall(texts, change):
    """The share of planted near duplicates that are found among texts that have none."""
    rng = random.Random(0)
    chosen = rng.sample(range(len(texts)), len(texts) // 20)
    same, _ = find(columns(texts + [change(texts[row], rng) for row in chosen]))
    assert (same.rows >= len(texts)).all()
    return len(same.rows) / len(chosen)


def without_duplicates(texts):
    data = columns(texts)
    keys = drain(copies.keys(texts))
    leaves = copies.originals(keys, data.parts) != np.arange(len(keys))
    leaves[find(data)[0].rows] = True
    return [text for text, leave in zip(texts, leaves, strict=True) if not leave]


def test_planted_near_duplicates_of_real_reviews_are_found(shared_data):
    reviews = [row.text for row in messy_tables.imdb(shared_data, 4000)]
    texts = without_duplicates(reviews)
    assert len(reviews) - len(texts) <= 20
    for change in (other_punctuation, another_word, one_word_in_twenty, another_sentence):
        assert recall(texts, change) >= 0.97, change.__name__


def test_short_titles_are_near_duplicates_by_punctuation_only(shared_data):
    titles = [row.text for row in messy_tables.ag_news(shared_data, 10_000, titles=True)]
    texts = without_duplicates(titles)
    assert recall(texts, other_punctuation) >= 0.99
    assert recall(texts, another_word) == 0
