"""Notes about a split that is too small."""

import pytest

from ftcore.data import datasets, imdb, split_notes
from ftcore.data.text_dataset import Texts


def dataset(train: list[int], test: list[int]) -> datasets.TextDataset:
    parts = [Texts([f"text {n}" for n in range(len(part))], part) for part in (train, test)]
    return datasets.TextDataset("x", "X", imdb.LABELS, *parts, "made", False, "0123")


@pytest.mark.parametrize(
    ("train", "val", "test", "words"),
    [
        ([0, 1] * 20, [0, 1] * 20, [0, 1], []),
        ([1], [0, 1] * 20, [0, 1], ["The only training text is of class positive, so the model"]),
        ([0] * 9, [0, 1] * 20, [0, 1], ["All 9 training texts are of class negative"]),
        ([0, 1], [1] * 40, [0, 1], ["All 40 validation texts are of class positive"]),
        ([0, 1], [0, 1] * 20, [0], ["The only test text is of class negative"]),
        (
            [0, 1],
            [1],
            [0, 1],
            ["The only validation", "only 1 validation text, so each shifts the "],
        ),
        ([0, 1], [0, 1] * 5, [0, 1], ["There are only 10 validation texts"]),
    ],
)
def test_notes(train, val, test, words):
    rows = range(len(train) + len(val))
    made = dataset(train + val, test)
    notes = split_notes.notes(made, rows[: len(train)], rows[len(train) :])
    assert len(notes) == len(words)
    assert all(part in note and note.endswith(".") for part, note in zip(words, notes, strict=True))


def test_a_class_without_texts_is_named():
    made = dataset([0, 1, 0, 1, 0, 1], [0, 1])
    object.__setattr__(made, "labels", ("a", "b", "c"))
    assert split_notes.notes(made, [0, 1], [2, 3] * 20) == [
        "No training text is of class c.",
        f"No validation text is of class c, {split_notes._IN_MACRO_F1}.",
        f"No test text is of class c, {split_notes._IN_MACRO_F1}.",
    ]
