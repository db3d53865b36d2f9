"""Lines of a text file as record batches: one text a line, blank lines left out.

Published forms have the label before the text: `__label__pos I liked it` (fastText; several such words are
several labels), `DESC:manner How did it start?` (TREC), `pos: I liked it` and `1 I liked it`.
"""

import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from ftcore.data.tables import batches
from ftcore.data.tables.aside import Aside
from ftcore.data.tables.json_values import Value
from ftcore.data.tables.sources import Source
from ftcore.data.tables.table_format import TableFormat
from ftcore.data.tables.utf8 import Utf8Stream

if TYPE_CHECKING:
    import pyarrow as pa

TEXT, LABEL, COARSE = "text", "label", "coarse_label"
_FASTTEXT = "__label__"
_FORMS = {  # label, text; the first one that almost all lines have
    "trec": re.compile(r"([A-Za-z_]+:\w+)[: ]\s*(.*)"),
    "colon": re.compile(r"([\w/&+-]+):\s*(.*)"),
    "space": re.compile(r"(\d{1,3}|[A-Z][A-Z_]+|[a-z_]+) +(.*)"),  # with a tab, it is a table
}
_FEW = 0.2  # distinct labels a line, at most; of a class there is more than one text, mostly
_SURELY_FEW = 20  # labels in two parts, in however few lines
_ALMOST_ALL = 0.99  # of the lines; the others have no label
_MANY = 50  # lines that tell common words from labels


def recognize(text: str) -> TableFormat:
    """Return the form of a text file from its first part."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if all(line.startswith(_FASTTEXT) for line in lines):
        several = any(len(_labels(line)) > 1 for line in lines)
        return TableFormat("text", (LABEL, TEXT), (LABEL,) if several else (), labels="fasttext")
    for form, pattern in _FORMS.items():
        labels = [found[1] for line in lines if (found := pattern.match(line))]
        if len(labels) >= _ALMOST_ALL * len(lines) and _ARE_LABELS[form](labels):
            if form == "trec":
                note = f"Each line begins with its label, whose first part is in {COARSE}."
                return TableFormat("text", (LABEL, COARSE, TEXT), labels=form, notes=(note,))
            note = "Each line begins with its label."
            return TableFormat("text", (LABEL, TEXT), labels=form, notes=(note,))
    return TableFormat("text", (TEXT,))


def read(source: Source, form: TableFormat, aside: Aside) -> Iterator["pa.RecordBatch"]:
    """Yield the lines with their numbers."""
    stream = io.BufferedReader(Utf8Stream(source, form.encoding), 1 << 20)
    rows = batches.Rows(form.columns, form.lists, aside)
    number = 0
    for line in io.TextIOWrapper(stream, "utf-8"):  # a line may end with CR alone
        if text := line.strip():
            rows.add(number, _fields(text, form.labels))
            number += 1
        if rows.are_many:
            yield rows.batch()
    yield rows.batch()


def _fields(line: str, labels: str) -> dict[str, Value]:
    if labels == "fasttext":
        words = _labels(line)
        rest = line.split(maxsplit=len(words))[len(words) :]
        label_or_list: Value = [*words] if len(words) > 1 else "".join(words)
        return {LABEL: label_or_list, TEXT: "".join(rest)}
    if labels:
        found = _FORMS[labels].match(line)
        label, text = found.groups() if found else (None, line)
        return {LABEL: label, COARSE: label and label.partition(":")[0], TEXT: text}
    return {TEXT: line}


def _labels(line: str) -> list[str]:
    """Return the labels of fastText at the start of a line."""
    words = takewhile(lambda word: word.startswith(_FASTTEXT), line.split())
    return [word.removeprefix(_FASTTEXT) for word in words]


def _are_fine(labels: Sequence[str]) -> bool:
    """Whether most second parts belong to one first part, as in DESC:manner, and not as in DESC:how."""
    firsts = defaultdict[str, set[str]](set)
    for first, _, second in (label.partition(":") for label in labels):
        firsts[second].add(first)
    sure = sum(len(firsts[label.partition(":")[2]]) == 1 for label in labels)
    return 2 * sure >= len(labels) and len(set(labels)) <= max(_SURELY_FEW, _FEW * len(labels))


def _are_few(labels: Sequence[str]) -> bool:
    return 1 < len(set(labels)) <= max(2, _FEW * len(labels))


def _come_again(labels: Sequence[str]) -> bool:
    """Whether labels are few and none is rare; of the first words of plain texts, many are."""
    are_words = any(label.islower() for label in labels)
    return (
        _are_few(labels)
        and min(Counter(labels).values()) > 1
        and not (are_words and len(labels) < _MANY)
    )


_ARE_LABELS = {"trec": _are_fine, "colon": _are_few, "space": _come_again}
