"""The draw of validation and test texts."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ftcore.data.store.partition import draw, joined_units

PARTS = ("test", "validation")


def drawn(labels, units=None, seed=0):
    """The part of each row, for one label a row."""
    units = np.arange(len(labels)) if units is None else np.asarray(units)
    parts = np.full(len(labels), "train", object)
    for part, rows in draw(units, [(label,) for label in labels], PARTS, seed).items():
        parts[rows] = part
    return parts


def test_a_tenth_of_each_class_is_drawn_by_seed():
    labels = [0] * 500 + [1] * 100 + [2] * 30
    counts = Counter(zip(labels, drawn(labels), strict=True))
    assert [counts[label, "test"] for label in range(3)] == [50, 10, 3]
    assert [counts[label, "validation"] for label in range(3)] == [50, 10, 3]
    assert (drawn(labels) == drawn(labels)).all()
    assert (drawn(labels) != drawn(labels, seed=1)).any()


@pytest.mark.parametrize(("texts", "expected"), [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1))])
def test_a_rare_class_stands_in_every_part_while_it_has_texts(texts, expected):
    parts = Counter(drawn([0] * 100 + [1] * texts)[100:])
    assert (parts["train"], parts["test"], parts["validation"]) == expected


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=80),
    seed=st.integers(0, 9),
)
def test_groups_stay_together_and_training_keeps_every_class(rows, seed):
    labels, groups = map(list, zip(*rows, strict=True))
    parts = drawn(labels, groups, seed)
    assert all(len(set(parts[np.equal(groups, group)])) == 1 for group in groups)
    for label in set(labels):
        of_label = np.equal(labels, label)
        assert "train" in parts[of_label]


def test_every_part_has_a_text_of_a_class_that_only_large_groups_have():
    labels, groups = [0] * 300, list(range(300))
    for group in range(3):
        labels += [1] * 40
        groups += [1000 + group] * 40
    assert set(drawn(labels, groups)[300:]) == {"train", *PARTS}


def test_texts_of_several_labels_and_of_none_are_drawn_by_label():
    labels = [(0, 1), (0,), (1, 2), ()] * 50
    rows = draw(np.arange(200), labels, ("test",), 0)["test"]
    counts = Counter(label for row in rows for label in labels[row])
    assert 15 <= len(rows) <= 25 and all(4 <= counts[label] <= 12 for label in range(3))
    assert any(not labels[row] for row in rows)


def test_texts_that_are_linked_by_any_key_are_one_unit():
    texts, groups = np.array([7, 8, 7, 9, 5]), np.array([1, 1, 2, 3, 4])
    units = joined_units(texts, groups)
    assert units[0] == units[1] == units[2] and len(set(units)) == 3
    assert len(set(joined_units(texts))) == 4
