"""Names of classes in a file beside the texts, in which the classes are numbers: classes.txt, mapping.txt."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from ftcore.data.tables import encodings
from ftcore.data.tables.sources import Source

USUAL = "classes.txt"
_FILE = re.compile(
    r"(classes|mapping|(class|label)s?[-_ ]?(names?|map(ping)?))\.txt", re.IGNORECASE
)
_NUMBERED = re.compile(r"(\d+)\s*[\t ,:;=]\s*([^\t]+)(?:\t.*)?")
_MAX_SIZE, _MAX_NAME = 100_000, 100  # bytes of the file, characters of a name

Names = tuple[tuple[str, str], ...]
"""Numbers and names of classes; a number is "" where the file has the names alone, in order."""


def find(files: Iterable[str]) -> str:
    """Return which of some files has the names, by its own name; "" if none."""
    return next((file for file in files if _FILE.fullmatch(PurePosixPath(file).name)), "")


def read(source: Source) -> Names:
    """Return the names in a file, none if it is something else. Raises UnfreezeError."""
    content = source.start(_MAX_SIZE + 1)
    text = encodings.decode(content, encodings.recognize(content, source.name)[0])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(content) > _MAX_SIZE or not lines or max(map(len, lines)) > _MAX_NAME:
        return ()
    numbered = [match.groups() for line in lines if (match := _NUMBERED.fullmatch(line))]
    if len(numbered) == len(lines):
        return tuple((number, name.strip()) for number, name in numbered)
    return tuple(("", line) for line in lines)


def of(names: Names, values: Sequence[object]) -> dict[str, str]:
    """Return the name of each number among some values of a column; none if the names are not theirs.

    Names without numbers count from 1, as in the releases of Zhang et al. 2015, or from 0 if that is a value.
    """
    numbers = {value.strip() for value in values if isinstance(value, str)} - {""}
    if not numbers or not all(number.isdecimal() for number in numbers):
        return {}
    known = {number: name for number, name in names if number}
    if not known:
        first = 0 if "0" in numbers else 1
        if first and max(map(int, numbers)) < len(names):
            return {}  # some are missing, so they may count from 0 as well
        known = {str(number): name for number, (_, name) in enumerate(names, first)}
    is_known = numbers <= known.keys() and known.keys() != set(known.values())
    return known if is_known else {}
