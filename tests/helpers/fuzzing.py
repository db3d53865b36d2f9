"""Bad inputs, made of good ones, for the fuzz tests (tests/**/test_fuzz_*.py).

Each input must give a complete result or be refused with one sentence, never with another exception. CI tries
the same inputs each time. UNFREEZE_FUZZ=20 tries 20 times as many, others in each run:

    UNFREEZE_FUZZ=20 python -m pytest tests -k fuzz
"""

import math
import os
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings, strategies as st

from ftcore.errors import UnfreezeError

MULTIPLIER = int(os.environ.get("UNFREEZE_FUZZ", "1"))
T = TypeVar("T")

SURROGATE = "\ud800"  # half of a character, which JSON can spell
DEEP_JSON = "[" * 100_000
BLANKS = ["", " ", "\r", "\n", "\0", "\ufeff", "\u200b", "\u2028"]
UNICODE = ["\u202eabc", SURROGATE, "é" * 3000, "👩‍👩‍👧‍👦", "a\u0301" * 50]
MARKUP = ["<script>alert(1)</script>", "**bold** $x$ :red[x]", "'", '"', "%00", "{}", "[]", ",,,"]
PATHS = ["../../etc/passwd", "~nobody-of-that-name/x", "x/" * 3000, "/dev/null", "/proc/self/mem"]
SCALARS = ["nan", "-1", "1e999", "None"]
ODD_TEXTS = [*BLANKS, *UNICODE, *MARKUP, *PATHS, *SCALARS, "a", "a\0b", "a" * 10_000]
NUMBERS = [0, -1, 1, 2**31, 10**9, 10**400, 0.5, -0.0, 1e308, math.nan, math.inf]
CONTAINERS: list[Any] = [[], {}, [[]], [None], {"a": 1}, {"": None}, ["x", "x"]]
ODD_VALUES: list[Any] = [None, True, False, *NUMBERS, *CONTAINERS, *BLANKS, *UNICODE, *SCALARS]
ODD_BYTES = [b"\0", b"\r", b"\n", b'"', b",", b"\\", b" ", b"nan", b"inf", b"-1", b"1e400"]
ODD_BYTES += [b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\0" * 512, b"a" * 200_000]
HUGE_COUNTS = [b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\0\0\0\x40", b"99999999"]


def examples(count: int) -> settings:
    """Try `count` inputs, times UNFREEZE_FUZZ, without a deadline."""
    return settings(
        max_examples=count * MULTIPLIER,
        deadline=None,
        derandomize=MULTIPLIER == 1,
        database=None,
        phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes
        suppress_health_check=list(HealthCheck),
    )


def accepted(use: Callable[[], T]) -> T | None:
    """What `use` returns, or None if it refuses its input with a sentence that can be shown."""
    try:
        return use()
    except UnfreezeError as error:
        message = str(error)
        assert message.endswith(".") and "\n" not in message and len(message) < 1500, message
        assert "Traceback" not in message and "<frozen" not in message
        message.encode()
        return None


@st.composite
def damaged(draw: st.DrawFn, whole: bytes, most: int = 3) -> bytes:
    """`whole` with bytes changed, cut, doubled, moved, blanked or added, or counts made huge."""
    data = whole
    for _ in range(draw(st.integers(1, most))):
        start = _place(draw, len(data))
        end = min(len(data), start + draw(st.sampled_from([1, 2, 4, 8, 64, 512, 4096])))
        before, part, after = data[:start], data[start:end], data[end:]
        flipped = bytes([part[0] ^ draw(st.integers(1, 255))]) + part[1:] if part else b"\0"
        other = draw(st.sampled_from([*HUGE_COUNTS, *ODD_BYTES]))
        to = _place(draw, len(before + after))
        moved = (before + after)[:to] + part + (before + after)[to:]
        inserted = [
            before + new + after for new in (flipped, b"", part * 2, bytes(len(part)), other)
        ]
        data = draw(st.sampled_from([before, moved, *inserted, before + other + part + after]))
    return data


def _place(draw: st.DrawFn, size: int) -> int:
    """A position: anywhere, or near either end, where headers and indexes are."""
    near = draw(st.integers(0, min(size, 300)))
    return draw(st.sampled_from([near, size - near, int(size * draw(st.floats(0, 1)))]))


@st.composite
def altered_json(draw: st.DrawFn, value: Any, most: int = 2) -> Any:
    """A JSON value with something in it replaced by an odd value, left out, or added."""
    for _ in range(draw(st.integers(1, most))):
        value = _alter(draw, value)
    return value


def _alter(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(list(value)))
        if not draw(st.integers(0, 5)):
            return {name: value[name] for name in value if name != key}
        if not draw(st.integers(0, 30)):
            return value | {draw(st.sampled_from(ODD_TEXTS)): draw(st.sampled_from(ODD_VALUES))}
        return value | {key: _alter(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, min(len(value), 50) - 1))
        changed = [_alter(draw, value[at])]
        copies = draw(st.sampled_from([changed] * 4 + [[], [value[at]] * 2]))
        return value[:at] + copies + value[at + 1 :]
    return draw(st.sampled_from(ODD_VALUES))
