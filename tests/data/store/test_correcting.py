"""Corrections of texts by the row of their file: each is a version, and each can be taken back."""

import pytest

from ftcore.data import datasets
from ftcore.data.store import addresses, correcting, versions
from ftcore.errors import UsageError
from ftcore.events import drain
from tests.helpers import messy_tables, own_data
from tests.helpers.messy_tables import Row

NAME = "mine"


@pytest.fixture
def card(tmp_path):
    return own_data.add_reviews(tmp_path, 60)


def label_of(name, address):
    """The label of a text in a version; None if it is not there."""
    dataset = drain(datasets.load(name))
    texts = dataset.train.labels + dataset.test.labels
    for each, label in zip(addresses.of_texts(dataset), texts, strict=True):
        if each == address:
            return dataset.labels[label]
    return None


def test_a_correction_and_a_drop_are_versions_and_are_taken_back(card):
    first, second = addresses.find(card, 3), addresses.find(card, 4)
    was = label_of(NAME, first)
    other = next(label for label in card.labels if label != was)
    assert correcting.correct(card, first, [other], "Ann") == 1
    assert correcting.correct(card, second, None, "Ben") == 2
    assert label_of(f"{NAME}@0", first) == was and label_of(f"{NAME}@1", first) == other
    assert label_of(NAME, second) is None and label_of(f"{NAME}@1", second)
    assert addresses.find(card, 4) == second  # dropped, and found all the same
    with pytest.raises(UsageError, match="like that already"):
        correcting.correct(card, first, [other], "Ann")
    with pytest.raises(UsageError, match="like that already"):
        correcting.correct(card, second, None, "Ann")
    assert correcting.take_back(card, first, "Ann") == 3
    assert correcting.take_back(card, second, "Ann") == 4
    assert versions.get(NAME).fingerprint == card.fingerprint
    with pytest.raises(UsageError, match="Nothing was changed"):
        correcting.take_back(card, first, "Ann")


def test_two_changes_of_a_text_are_taken_back_one_by_one(card):
    text = addresses.find(card, 3)
    was = label_of(NAME, text)
    other = next(label for label in card.labels if label != was)
    correcting.correct(card, text, [other], "Ann")
    correcting.correct(card, text, None, "Ben")
    correcting.take_back(card, text, "Ann")
    assert label_of(NAME, text) == other
    correcting.take_back(card, text, "Ann")
    assert label_of(NAME, text) == was


def test_a_row_of_two_files_needs_its_part(tmp_path):
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for number, file in enumerate(files):
        rows = [
            Row(f"text {row} of file {number}", "pos" if row % 2 else "neg") for row in range(40)
        ]
        messy_tables.write(file, rows, messy_tables.Sins())
    card = own_data.add(files[0], test=str(files[1]))
    with pytest.raises(UsageError, match="say which part"):
        addresses.find(card, 2)
    assert addresses.find(card, 2, "test").part == "test"
    with pytest.raises(UsageError, match="No text of mine is from row 99"):
        addresses.find(card, 99)
