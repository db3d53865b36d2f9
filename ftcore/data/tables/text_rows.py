"""Lines of a text file as record batches: one text a line, blank lines left out.

Two published forms have the label before the text: `__label__pos I liked it` (fastText, several such words
for several labels), and `DESC:manner How did it start?` (TREC).
"""

import io
import re
from collections.abc import Iterator
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

TEXT, LABEL = "text", "label"
_FASTTEXT = "__label__"
_TREC = re.compile(r"[A-Za-z_]+:[A-Za-z_]+ ")


def recognize(text: str) -> TableFormat:
    """Return the form of a text file from its first part."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if all(line.startswith(_FASTTEXT) for line in lines):
        several = any(len(_labels(line)) > 1 for line in lines)
        return TableFormat("text", (LABEL, TEXT), (LABEL,) if several else (), labels="fasttext")
    if all(map(_TREC.match, lines)):
        return TableFormat("text", (LABEL, TEXT), labels="trec")
    return TableFormat("text", (TEXT,))


def read(source: Source, form: TableFormat, aside: Aside) -> Iterator["pa.RecordBatch"]:
    """Yield the lines with their numbers."""
    stream = io.BufferedReader(Utf8Stream(source, form.encoding), 1 << 20)
    rows = batches.Rows(form.columns, form.lists, aside)
    number = 0
    for line in stream:
        if text := line.decode("utf-8").strip():
            rows.add(number, _fields(text, form.labels))
            number += 1
        if rows.are_many:
            yield rows.batch()
    yield rows.batch()


def _fields(line: str, labels: str) -> dict[str, Value]:
    if labels == "trec":
        label, _, text = line.partition(" ")
        return {LABEL: label, TEXT: text}
    if labels == "fasttext":
        words = _labels(line)
        rest = line.split(maxsplit=len(words))[len(words) :]
        label_or_list: Value = [*words] if len(words) > 1 else "".join(words)
        return {LABEL: label_or_list, TEXT: "".join(rest)}
    return {TEXT: line}


def _labels(line: str) -> list[str]:
    """Return the labels of fastText at the start of a line."""
    words = takewhile(lambda word: word.startswith(_FASTTEXT), line.split())
    return [word.removeprefix(_FASTTEXT) for word in words]
