"""The histogram of lengths that a run records."""

import numpy as np
import pytest

from ftcore.text.lengths import BOUNDS, TextLengths


def test_each_text_counts_at_the_first_bound_that_holds_it():
    lengths = TextLengths.of(np.array([0, 4, 5, 4096, 10_000]))
    assert lengths.texts[:2] == (2, 1) and lengths.texts[-1] == 2
    assert len(lengths.texts) == len(BOUNDS) and sum(lengths.texts) == 5
    assert TextLengths.read(lengths.to_dict()) == lengths


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {},
        {"up_to": [], "texts": []},
        {"up_to": [1, 2], "texts": [1]},
        {"up_to": [2, 1], "texts": [1, 1]},
        {"up_to": [1, 2], "texts": [0, 0]},
        {"up_to": [1, 2], "texts": [1, -1]},
        {"up_to": [1, 2], "texts": ["1", 1]},
    ],
)
def test_what_an_earlier_version_or_a_stranger_wrote_counts_as_unknown(values):
    assert TextLengths.read(values) is None
