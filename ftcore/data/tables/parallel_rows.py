"""Text files with a text a line and, line by line, files of their labels, as record batches."""

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ftcore.data.tables import batches, sources
from ftcore.data.tables.aside import Aside
from ftcore.data.tables.containers import Container
from ftcore.data.tables.layouts import Part
from ftcore.data.tables.sources import Source
from ftcore.data.tables.table_format import TableFormat
from ftcore.data.tables.utf8 import Utf8Stream
from ftcore.errors import UnfreezeError

if TYPE_CHECKING:
    import pyarrow as pa


def read(
    container: Container, parts: Sequence[Part], form: TableFormat, aside: Aside
) -> Iterator[tuple["pa.RecordBatch", float]]:
    """Yield the texts with their numbers, labels and splits, and the bytes so far.

    Raises UnfreezeError if a file of labels has more or fewer lines than its texts.
    """
    rows = batches.Rows(form.columns, (), aside)
    done, number = 0.0, 0
    for part in parts:
        with container.open(part.labels) as source:
            labels = list(_lines(source, form.encoding))
        while labels and not labels[-1]:
            labels.pop()
        place = 0
        with container.open(part.name) as source:
            for place, text in enumerate(_lines(source, form.encoding), 1):
                if place > len(labels):
                    if text:
                        raise _differ(container, part)
                    continue
                fields = {"text": text, "label": labels[place - 1], "split": part.split}
                rows.add(number, {name: value or None for name, value in fields.items()})
                number += 1
                if rows.are_many:
                    yield _checked(rows, form, aside), done + source.done
        if place < len(labels):
            raise _differ(container, part)
        done += container.sizes[part.name]
    yield _checked(rows, form, aside), done


def _lines(source: Source, encoding: str) -> Iterator[str]:
    """Yield all lines, the blank ones too, as places count."""
    stream = io.BufferedReader(Utf8Stream(source, encoding), 1 << 20)
    return (line.strip() for line in io.TextIOWrapper(stream, "utf-8", newline="\n"))


def _checked(rows: batches.Rows, form: TableFormat, aside: Aside) -> "pa.RecordBatch":
    return batches.without_undecodable(rows.batch(), form.encoding, aside)


def _differ(container: Container, part: Part) -> UnfreezeError:
    texts, labels = (sources.shown(container.path / name) for name in (part.name, part.labels))
    return UnfreezeError(
        f"{labels} does not have as many lines as {texts}: give each line its label, or one table."
    )
