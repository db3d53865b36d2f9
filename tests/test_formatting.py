"""Numbers and lists as text."""

import math
from typing import Any

import pytest

from ftcore import formatting

TEXTS: dict[str, dict[Any, str]] = {
    "duration": {0: "0 s", 0.00033: "0 s", 0.0123: "0.012 s", 1.24: "1.2 s", 5.0: "5 s"}
    | {9.97: "10 s", 59.7: "1 min", 142: "2 min 22 s", 600: "10 min", 3599.8: "1 h"}
    | {7300: "2 h 1 min", math.nan: formatting.MISSING, None: formatting.MISSING},
    "rough_duration": {0: "5 s", 42: "40 s", 143: "2 min", 9000: "2.5 h"},
    "size": {0: "0 B", 999: "999 B", 1234: "1.2 kB", 99_960: "100 kB", 999_700: "1.0 MB"}
    | {84_125_825: "84.1 MB", 2.5e12: "2500 GB"},
    "short_percent": {0.9: "90%", 0.95: "95%", 0.57: "57%", 0.999: "99.9%"},
    "between": {(0.9468, 0.958): "94.7% to 95.8%", None: formatting.MISSING},
    "listing": {(): "", ("A",): "A", ("A", "B"): "A and B", ("A", "B", "C"): "A, B and C"},
}


@pytest.mark.parametrize("function", TEXTS)
def test_values_as_text(function):
    format_value = getattr(formatting, function)
    assert {value: format_value(value) for value in TEXTS[function]} == TEXTS[function]


def test_of_many_names_the_first_ones_are_said():
    assert formatting.few_names(["A", "B"], word="or") == "A or B"
    assert formatting.few_names(list("ABCDEF"), word="or") == "A, B, C, D or 2 more"


def test_few_texts_are_counted_beside_their_accuracy():
    assert formatting.accuracy(0.8731, 1000) == formatting.accuracy(0.8731, None) == "87.3%"
    assert formatting.accuracy(1.0, 1) == "100.0% of 1 text"
    assert formatting.accuracy(0.5, 29) == "50.0% of 29 texts"
    assert formatting.accuracy(None, 1) == formatting.MISSING
