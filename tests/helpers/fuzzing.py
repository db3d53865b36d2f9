"""Bad inputs, made of good ones, for every door (tests/test_fuzz_*.py).

Each input ends in a result that is whole or in one sentence: never in another exception. CI tries the same
inputs each time. UNFREEZE_FUZZ=20 tries 20 times as many, other ones at each call, and
--hypothesis-show-statistics counts them:

    UNFREEZE_FUZZ=20 python -m pytest --hypothesis-show-statistics tests/test_fuzz_*.py
"""

import math
import os
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import (
    HealthCheck,
    Phase,
    currently_in_test_context,
    event,
    settings,
    strategies as st,
)

from ftcore.errors import UnfreezeError

MULTIPLIER = int(os.environ.get("UNFREEZE_FUZZ", "1"))
T = TypeVar("T")

SURROGATE = "\ud800"  # half of a character, as JSON may spell one
DEEP_JSON = "[" * 100_000
ODD_TEXTS = [
    "",
    " ",
    "a",
    "\0",
    "a\0b",
    "\r",
    "\n",
    "\ufeff",
    "\u202eabc",
    "\u200b",
    SURROGATE,
    "é" * 3000,
    "👩‍👩‍👧‍👦",
    "a\u0301" * 50,
    "<script>alert(1)</script>",
    "**bold** $x$ :red[x]",
    "../../etc/passwd",
    "~nobody-of-that-name/x",
    "nan",
    "-1",
    "1e999",
    "None",
    "'",
    '"',
    "%00",
    "a" * 10_000,
    "x/" * 3000,
    "/dev/null",
    "/proc/self/mem",
    ",,,",
    "\u2028",
    "{}",
    "[]",
]
ODD_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    10**9,
    10**400,
    0.5,
    -0.0,
    1e308,
    math.nan,
    math.inf,
    [],
    {},
    [[]],
    [None],
    {"a": 1},
    {"": None},
    ["x", "x"],
    *ODD_TEXTS[:20],
]


def examples(count: int) -> settings:
    """How many inputs a test tries, and that it may take its time."""
    return settings(
        max_examples=count * MULTIPLIER,
        deadline=None,
        derandomize=MULTIPLIER == 1,
        database=None,
        phases=[Phase.explicit, Phase.generate],  # to shrink what fails takes minutes
        suppress_health_check=list(HealthCheck),
    )


def accepted(use: Callable[[], T]) -> T | None:
    """What `use` returns, or None where the input was refused with one sentence that can be shown."""
    try:
        found = use()
    except UnfreezeError as error:
        said = str(error)
        assert said.endswith(".") and "\n" not in said and len(said) < 1500, said
        assert "Traceback" not in said and "<frozen" not in said
        said.encode()
        _count("refused")
        return None
    _count("taken")
    return found


def _count(outcome: str) -> None:
    if currently_in_test_context():
        event(outcome)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes, most: int = 3) -> bytes:
    """`whole` with some bytes changed, cut, doubled, moved, blanked, or counts made huge."""
    data = whole
    for _ in range(draw(st.integers(1, most))):
        start = _place(draw, len(data))
        end = min(len(data), start + draw(st.sampled_from([1, 2, 4, 8, 64, 512, 4096])))
        here = data[start:end]
        match draw(
            st.sampled_from(["flip", "cut", "drop", "double", "move", "blank", "huge", "add"])
        ):
            case "flip" if here:
                flipped = here[0] ^ draw(st.integers(1, 255))
                data = data[:start] + bytes([flipped]) + data[start + 1 :]
            case "cut":
                data = data[:start]
            case "drop":
                data = data[:start] + data[end:]
            case "double":
                data = data[:end] + data[start:]
            case "move":
                rest = data[:start] + data[end:]
                to = _place(draw, len(rest))
                data = rest[:to] + here + rest[to:]
            case "blank":
                data = data[:start] + bytes(len(here)) + data[end:]
            case "huge":
                huge = draw(
                    st.sampled_from(
                        [b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\0\0\0\x40", b"99999999"]
                    )
                )
                data = data[:start] + huge + data[start + len(huge) :]
            case "add":
                data = data[:start] + draw(st.sampled_from(JUNK)) + data[start:]
    return data


JUNK = [
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b'"',
    b",",
    b"\\",
    b" ",
    b"\xed\xa0\x80",
    b"nan",
    b"inf",
    b"-1",
    b"1e400",
    "\u202e".encode(),
    b"\0" * 512,
    b"a" * 200_000,
]


def _place(draw: st.DrawFn, size: int) -> int:
    """Anywhere, and as often near an end, where what describes the rest stands."""
    near = draw(st.integers(0, min(size, 300)))
    return draw(st.sampled_from([near, size - near, int(size * draw(st.floats(0, 1)))]))


@st.composite
def altered_json(draw: st.DrawFn, value: Any, most: int = 2) -> Any:
    """A JSON value with something in it replaced by something odd, left out, or added."""
    for _ in range(draw(st.integers(1, most))):
        value = _alter(draw, value)
    return value


def _alter(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(list(value)))
        if not draw(st.integers(0, 5)):
            return {name: one for name, one in value.items() if name != key}
        return value | {key: _alter(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, min(len(value), 50) - 1))
        if not draw(st.integers(0, 5)):
            return value[:at] + value[at + 1 :] + value[at : at + 1] * draw(st.integers(0, 2))
        return [*value[:at], _alter(draw, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and not draw(st.integers(0, 3)):
        return value | {draw(st.sampled_from(ODD_TEXTS)): draw(st.sampled_from(ODD_VALUES))}
    return draw(st.sampled_from(ODD_VALUES))
