"""Numbers and lists as text, the same on every page, in verdicts and on the command line."""

import math
from collections.abc import Sequence

FEW_TEXTS = 30  # each shifts an accuracy by more than 3 points
MISSING = "\N{EN DASH}"  # stands for a figure that does not exist


def percent(share: float | None) -> str:
    """A share from 0 to 1: 0.8731 → 87.3%."""
    return MISSING if share is None or math.isnan(share) else f"{share:.1%}"


def short_percent(share: float) -> str:
    """A share that was chosen, without digits that say nothing: 0.95 → 95%, 0.999 → 99.9%."""
    return f"{100 * share:g}%"


def between(interval: Sequence[float] | None) -> str:
    """The interval of a share: 94.7% to 95.8%."""
    return MISSING if interval is None else " to ".join(map(percent, interval))


def points(difference: float, margin: float) -> str:
    """The size of a difference of shares, and half of its interval: 5.2 ± 1.9 points."""
    return f"{abs(difference) * 100:.1f} ± {margin * 100:.1f} points"


def factor(ratio: float) -> str:
    """How many times as fast: 6.3, or 40."""
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:,.0f}"


def accuracy(share: float | None, texts: float | None) -> str:
    """A share of texts, which are counted if they are few: 87.3%, or 100.0% of 1 text."""
    if share is None or math.isnan(share) or texts is None or texts >= FEW_TEXTS:
        return percent(share)
    return f"{percent(share)} of {texts:.0f} text{'' if texts == 1 else 's'}"


def count(number: float) -> str:
    """A whole number: 25000 → 25,000."""
    return f"{number:,.0f}"


def size(number: float) -> str:
    """Bytes in decimal units: 1234567 → 1.2 MB."""
    unit = "B"
    for larger in ("kB", "MB", "GB"):
        if number < 999.5:
            break
        number, unit = number / 1000, larger
    digits = 0 if unit == "B" or number >= 99.95 else 1
    return f"{number:.{digits}f} {unit}"


def duration(seconds: float | None) -> str:
    """Measured seconds: 0.52 → 0.52 s, 75 → 1 min 15 s, 7300 → 2 h 1 min."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 9.95:
        return f"{round(seconds, 3):.2g} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def rough_duration(seconds: float) -> str:
    """Estimated seconds, rounded to what an estimate can tell: 143 → 2 min."""
    if seconds < 55:
        return f"{max(5, 5 * round(seconds / 5))} s"
    return f"{max(1, round(seconds / 60))} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def listing(names: Sequence[str], word: str = "and") -> str:
    """Names in a sentence: A, B and C; "" for none."""
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def few_names(names: Sequence[str], most: int = 5, word: str = "and") -> str:
    """A listing of the first names, and how many more there are: A, B and 198 more."""
    rest = [f"{len(names) - most + 1} more"] if len(names) > most else []
    return listing([*names[: most - len(rest)], *rest], word)
