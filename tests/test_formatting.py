"""Numbers and lists as text."""

import math

import pytest

from ftcore import formatting


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.00033, "0 s"),
        (0.0123, "0.012 s"),
        (1.24, "1.2 s"),
        (5.0, "5 s"),
        (9.97, "10 s"),
        (59.7, "1 min"),
        (142, "2 min 22 s"),
        (600, "10 min"),
        (3599.8, "1 h"),
        (7300, "2 h 1 min"),
        (math.nan, formatting.MISSING),
        (None, formatting.MISSING),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "5 s"), (42, "40 s"), (143, "2 min"), (9000, "2.5 h")]
)
def test_rough_duration(seconds: float, text: str) -> None:
    assert formatting.rough_duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1234, "1.2 kB"),
        (99_960, "100 kB"),
        (999_700, "1.0 MB"),
        (84_125_825, "84.1 MB"),
        (2.5e12, "2500 GB"),
    ],
)
def test_size(number: float, text: str) -> None:
    assert formatting.size(number) == text


@pytest.mark.parametrize(
    ("names", "text"), [(["A"], "A"), (["A", "B"], "A and B"), (["A", "B", "C"], "A, B and C")]
)
def test_listing(names: list[str], text: str) -> None:
    assert formatting.listing(names) == text
