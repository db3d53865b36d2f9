"""From the values of a label column to classes."""

import pytest

from ftcore.data.store.labels import classes
from ftcore.data.store.request import Request
from ftcore.errors import UsageError


def found(counts, **changes):
    return classes(counts, Request("x", "x.csv", **changes), "kind")


def test_labels_that_differ_by_case_or_outer_space_are_merged_and_it_is_said():
    result = found({"Pos": 5, "pos ": 2, " POS": 1, "neg": 7, "": 3, "nan": 1})
    assert result.names == ("neg", "Pos")
    assert result.of_value == {"Pos": 1, "pos ": 1, " POS": 1, "neg": 0}
    [note] = result.notes
    assert "3 texts have another spelling" in note and "'pos ' to 'Pos'" in note
    kept = found({"Pos": 5, "pos ": 2, "neg": 7}, keep_labels=True)
    assert kept.names == ("neg", "Pos", "pos ") and kept.notes == ()


def test_numbers_are_labels_in_their_order_and_without_an_empty_fraction():
    assert found({"10.0": 1, "2.0": 1, "-1": 2}).names == ("-1", "2", "10")
    assert found({"1.5": 3, "1.0": 1, "2": 2}).names == ("1.0", "1.5", "2")
    assert found({"true": 3, "FALSE": 1, "False": 2}).names == ("False", "true")


def test_labels_are_renamed_merged_and_dropped():
    changes = {
        "rename_labels": {"bad": "negative", "awful": "negative"},
        "drop_labels": ("Unsure",),
    }
    result = found({"bad": 1, "awful ": 1, "good": 2, "unsure": 9}, **changes)
    assert result.names == ("good", "negative")
    assert result.of_value == {"bad": 1, "awful ": 1, "good": 0, "unsure": None}


@pytest.mark.parametrize(
    ("counts", "changes", "message"),
    [
        ({"": 3}, {}, "'kind' has no labels"),
        ({"a": 3, "A ": 4}, {}, "All 7 labels in the column 'kind' are 'A'"),
        ({"a": 1, "b": 2}, {"drop_labels": ("a", "b")}, "All labels are dropped"),
        (
            {"a": 1, "b": 2},
            {"rename_labels": {"c": "a"}},
            "There is no label 'c'; choose one of a, b",
        ),
        (
            {f"text {n}": 1 for n in range(500)} | {"a": 80},
            {},
            "580 texts have 501 different labels",
        ),
        ({f"label {n}": 9 for n in range(10_000)}, {}, "10,000 different labels.*at most 1,000"),
    ],
)
def test_what_cannot_be_classes_is_refused(counts, changes, message):
    with pytest.raises(UsageError, match=message):
        found(counts, **changes)


def test_few_texts_of_many_classes_are_no_free_text():
    assert len(found({f"label {n}": 1 for n in range(20)}).names) == 20


def test_labels_that_seem_to_be_several_are_said():
    counts = {"2": 9, "5": 9, "7": 9, "2,5": 3, "5,7": 2, "2, 7": 1}
    [note] = found(counts).notes
    assert note.startswith("3 different labels, such as '2,5', seem to be several labels of a text")
    assert found(counts, label_separator=",").notes == ()
    assert found({"Oslo, Norway": 5, "Lima, Peru": 5, "Rome, Italy": 5, "Peru": 2}).notes == ()
