"""Whose turn it is, what each arm has learned from, and what is said about the gain."""

import numpy as np
import pytest

from ftcore.active_learning import arms, curve
from ftcore.active_learning.arms import HELD_OUT, START, Ledger
from ftcore.data.store.journal import Entry, State

NONE = State()


def entry(text, label, arm="", part="train", **more):
    origin = "person" if label else ""
    return Entry("ann", "now", text, part, NONE, State(label and (label,), origin), arm, **more)


def test_each_arm_has_its_own_labels_and_what_nobody_proposed_is_in_both():
    entries = [
        Entry("ann", "now", classes=("a", "b")),
        entry(1, "a", "start"),
        entry(2, "b", "chosen"),
        entry(3, "a", "random"),
        entry(4, "b", "held-out", "test"),
        entry(5, "a", "chosen"),
        entry(5, None, takes_back=6),
        entry(0, "b"),
    ]
    book = arms.ledger(entries, {0: ("a",), 9: ("b",)}, {8: ("a",)})
    assert book.start == {9: ("b",), 1: ("a",), 0: ("b",)}
    assert (book.chosen, book.random, book.pairs) == ({2: ("b",)}, {3: ("a",)}, 1)
    assert book.held_out == {8: ("a",), 4: ("b",)}
    assert 5 not in book.done and book.done >= {1, 2, 3, 4}


def test_both_arms_get_the_same_number_and_held_out_texts_come_with_them():
    book, counts = Ledger(), {}
    for text in range(400):
        arm = arms.turn(book, can_choose=text > 30)
        counts[arm] = counts.get(arm, 0) + 1
        own = {"start": book.start, "chosen": book.chosen, "random": book.random}
        own.get(arm, book.held_out)[text] = ("ab"[text % 2],)
    assert counts["start"] == START and counts["held-out"] == HELD_OUT
    assert abs(counts["chosen"] - counts["random"]) <= 1


@pytest.mark.parametrize(
    ("chosen", "random", "begins"),
    [(90, 60, "Choosing pays"), (60, 90, "Choosing costs"), (75, 74, "No gain yet")],
)
def test_the_verdict_names_a_gain_only_outside_the_interval(chosen, random, begins):
    truth = np.zeros(100, np.int64)
    answers = [(np.arange(100) >= right).astype(np.int64) for right in (chosen, random)]
    point = curve.point(60, truth, *answers)
    assert curve.verdict([point], 50).startswith(begins)
    assert "10 labels of its own; there are 9" in curve.verdict([point], 9)
    assert "in a moment" in curve.verdict([], 10)
    few = curve.point(60, truth[:20], answers[0][:20], answers[1][:20])
    assert "once 30 held-out texts have a label; there are 20" in curve.verdict([few], 50)
