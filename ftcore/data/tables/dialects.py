"""How the rows of a CSV file are written: delimiter, quotation marks, header, from a sample of it."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

DELIMITERS = ("\t", ";", ",", "|")  # the rarer in texts, the earlier
_SLOPPY = 0.05  # what quotation marks in wrong places cost, as a share of the rows
_SAMPLE = 200_000  # characters that are looked at
_MAX_LINES = 100  # of a row; more are taken for a quotation mark that is not closed
_EXCEL = re.compile(r"sep=([\t !#-~])\r?\n")  # the first line of some files, for Excel
_NAMES = {  # of columns in many published tables
    *("text", "texts", "sentence", "review", "comment", "content", "body", "document", "tweet"),
    *("message", "description", "summary", "title", "headline", "question", "answer", "utterance"),
    *("label", "labels", "class", "category", "target", "sentiment", "polarity", "tag", "tags"),
    *("topic", "intent", "subject", "language", "score", "rating", "star", "stars", "v1", "v2"),
    *("id", "idx", "index", "split", "group", "source"),
}
_MAX_NAME, _MAX_WORDS = 60, 6  # characters and words of a column's name
_MAX_QUESTION = 200  # characters of one that is a question, as exports of forms have them
_NO_TEXT_HAS = "\x1f"  # a delimiter, if all others stand in texts
CONSISTENT = 0.9  # share of rows with the same number of columns, in what is certainly a table
_FEW = 0.2  # distinct values a row in a column of labels, at most

Row = Sequence[str]


@dataclass(frozen=True)
class Dialect:
    """How rows are written, and the columns' names, empty ones where the file has none."""

    delimiter: str
    quote: str
    escape: str
    names: tuple[str, ...]
    header: bool
    above: int  # rows above the header
    consistency: (
        float  # the share of rows below a title with the usual number of columns; 0 if that is one
    )


def recognize(sample: str, cut: bool, delimiter: str, header: bool | None) -> Dialect:
    """Return the dialect of a sample of a file, which goes on behind it if the sample is `cut`.

    `delimiter` ("" if unknown) and `header` (None) are what a user says.
    """
    sample, cut = sample[:_SAMPLE], cut or len(sample) > _SAMPLE
    csv.field_size_limit(max(csv.field_size_limit(), len(sample)))
    stated = _EXCEL.match(sample)
    given = delimiter or (stated[1] if stated else "")
    delimiters = (given,) if given else DELIMITERS
    escapes = ("", "\\") if '\\"' in sample else ("",)
    forms = [*product(delimiters, ('"',), escapes), *product(delimiters, ("",), ("",))]
    forms.sort(key=lambda form: delimiters.index(form[0]))  # of equals, the first one wins
    parsed = {form: _parse(sample, cut, *form) for form in forms}
    # Without quotation marks, texts would be cut at a delimiter that stands in them alone.
    forms = [form for form in forms if form[1] or not _are_one_column(*parsed[form[0], '"', ""])]
    scores = {form: _consistency(*parsed[form]) for form in forms}
    best = max(forms, key=lambda form: scores[form])
    rows = parsed[best][0]
    if not given and len(rows[0]) == 1 and _settled(rows) < CONSISTENT:
        # Texts with commas, one a row: they are not taken apart.
        mark = next((mark for mark in DELIMITERS if mark not in sample), _NO_TEXT_HAS)
        rows, in_place = _parse(sample, cut, mark, '"', "")
        best = (mark, '"' if in_place else "", "")
        rows = rows if in_place else _parse(sample, cut, *best)[0]
    names, is_header, above = find_header(rows, int(bool(stated)), header)
    return Dialect(*best, names, is_header, above, _settled(rows))


def find_header(
    rows: Sequence[Row], above: int, header: bool | None
) -> tuple[tuple[str, ...], bool, int]:
    """Return the columns' names, empty where there are none, whether a row has them, and the rows above it.

    At least `above` rows stand above it; `header` is whether there is one, if known.
    """
    width = _width(rows)
    while above < len(rows) - 1 and len(rows[above]) not in (width, width - 1):
        above += 1
    names = tuple(value.strip() for value in rows[above]) if rows else ()
    missing = ("",) * (width - len(names))
    # R writes the names of the rows in a first column that has no name itself.
    names = (*missing, *names) if _are_distinct(rows[above + 1 :]) else (*names, *missing)
    if header is None:
        header = _is_header(names, rows[above + 1 :])
    return (names[:width], True, above) if header else (("",) * width, False, 0)


def _parse(
    sample: str, cut: bool, delimiter: str, quote: str, escape: str
) -> tuple[list[list[str]], bool]:
    """Return the rows, less the last one of a cut sample, and whether all quotation marks are in place."""
    rows = [row for row in _reader(sample, delimiter, quote, escape) if row]
    strict = _reader(sample, delimiter, quote, escape, strict=True)
    line = 0
    try:
        for _ in strict:
            line = strict.line_num
        in_place = True
    except csv.Error:
        at_end = strict.line_num >= sample.count("\n")
        in_place = cut and at_end and strict.line_num - line < _MAX_LINES
    return rows[:-1] if cut and len(rows) > 1 else rows, in_place


def _reader(
    sample: str, delimiter: str, quote: str, escape: str, strict: bool = False
) -> Any:  # a reader of csv, whose class has no public name
    return csv.reader(
        io.StringIO(sample, newline=""),
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        escapechar=escape or None,
        strict=strict,
    )


def _width(rows: Sequence[Row]) -> int:
    """Return the usual number of columns."""
    return Counter(map(len, rows)).most_common(1)[0][0] if rows else 0


def _consistency(rows: Sequence[Row], in_place: bool) -> float:
    """Return the share of rows with the usual number of columns, 0 for one column, less for faults."""
    width = _width(rows)
    share = sum(len(row) == width for row in rows) / len(rows) if width > 1 else 0.0
    return share if in_place else share - _SLOPPY


def _settled(rows: Sequence[Row]) -> float:
    """Return the share of rows with the usual number of columns below a title; 0 for one column."""
    width = _width(rows)
    first = next((place for place, row in enumerate(rows) if len(row) == width), 0)
    return _consistency(rows[first:], True)


def _are_one_column(rows: Sequence[Row], in_place: bool) -> bool:
    """Whether each row is one value, by quotation marks that are all in place."""
    return in_place and all(len(row) == 1 for row in rows)


def _are_distinct(rows: Sequence[Row]) -> bool:
    """Whether the first values of rows are all different."""
    return len({row[0] for row in rows}) == len(rows)


def _is_header(names: Row, rows: Sequence[Row]) -> bool:
    """Whether a row has the names of the columns of the rows that follow."""
    if list(names) == [str(number) for number in range(len(names))]:
        return True  # pandas writes these where columns have no names
    columns = list(zip(*(row for row in rows if len(row) == len(names)), strict=True))
    if any(name in values for name, values in zip(names, columns, strict=False) if name):
        return False  # a label, say, that comes again
    if _NAMES & {name.lower() for name in names}:
        return True
    given = names[1:] if not names[0] else names  # the column of pandas' index has no name
    if not all(map(_can_be_name, given)) or len(set(given)) < len(given):
        return False
    return not columns or any(map(_holds_what_names_do_not, columns))


def _can_be_name(value: str) -> bool:
    """Whether a value can be the name of a column: short, or a question of a form, and no number."""
    is_short = 0 < len(value) <= _MAX_NAME and len(value.split()) <= _MAX_WORDS
    is_question = value.endswith(("?", ":")) and len(value) <= _MAX_QUESTION
    return (is_short or is_question) and not _is_number(value)


def _holds_what_names_do_not(values: Sequence[str]) -> bool:
    """Whether a column holds numbers or labels, which a name in its first row stands out from."""
    return all(map(_is_number, values)) or len(set(values)) <= _FEW * len(values)


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
