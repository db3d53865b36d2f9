"""Names of classes in a file beside tables in which they are numbers."""

import pytest

from ftcore.data.tables import class_names
from tests.helpers.own_data import add
from tests.helpers.tables import write

CLASSES = "World\nSports\nBusiness\n"


def number(first, last):
    """A table as the releases of Zhang et al. have it: a class from 1 on, a title, a text."""
    return "".join(f'"{n % 3 + 1}","Title {n}","Text number {n}"\n' for n in range(first, last))


def test_classes_have_their_names_in_a_folder_and_beside_a_file(tmp_path):
    write(tmp_path / "train.csv", number(0, 60))
    write(tmp_path / "test.csv", number(60, 90))
    write(tmp_path / "classes.txt", CLASSES)
    for name, path in (("folder", tmp_path), ("file", tmp_path / "train.csv")):
        added = add(path, name)
        assert added.labels == ("Business", "Sports", "World"), name
        assert added.counts["train"]["World"] and "a file beside the texts" in " ".join(added.notes)
        assert not any("left out" in note for note in added.notes)


@pytest.mark.parametrize(
    ("names", "values", "expected"),
    [
        ("ab", "1212", {"1": "a", "2": "b"}),
        ("ab", "0101", {"0": "a", "1": "b"}),
        ("abc", "1212", {}),  # from 1 without c, or from 0 without a
        ("ab", "123", {}),
        ("ab", "ab", {}),
        ("12", "12", {}),  # they say nothing else
    ],
)
def test_names_without_numbers_are_taken_if_it_is_certain_where_they_begin(names, values, expected):
    assert class_names.of(tuple(("", name) for name in names), list(values)) == expected


def test_numbers_before_the_names_are_theirs(tmp_path):
    rows = "".join(f"text {n},{n % 2 + 1}\n" for n in range(60))
    write(tmp_path / "train.csv", f"text,label\n{rows}")
    write(tmp_path / "mapping.txt", "0\tzero\n1\tone\t_1_\n2\ttwo\n")
    assert add(tmp_path).labels == ("one", "two")
