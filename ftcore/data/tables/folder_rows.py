"""Text files in the folders of their classes as record batches: one text a file."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ftcore.data import decoding
from ftcore.data.tables import batches
from ftcore.data.tables.aside import Aside
from ftcore.data.tables.containers import Container
from ftcore.data.tables.layouts import Part
from ftcore.data.tables.table_format import TableFormat
from ftcore.formatting import size

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_TEXT = 10_000_000  # bytes


def read(
    container: Container, parts: Sequence[Part], form: TableFormat, aside: Aside
) -> Iterator[tuple["pa.RecordBatch", float]]:
    """Yield the texts with their numbers, classes and the paths of their files, and the bytes so far."""
    rows = batches.Rows(form.columns, (), aside)
    done = 0
    for number, part in enumerate(parts):
        with container.open(part.name) as source:
            done += container.sizes[part.name]
            content = source.readall() if source.total <= _MAX_TEXT else b""
        encoding, mark = decoding.marked(content)
        try:
            if source.total > _MAX_TEXT:
                raise ValueError(f"more than {size(_MAX_TEXT)}")
            text = content[len(mark) :].decode(encoding or form.encoding)
        except UnicodeDecodeError:
            aside.add(number, f"bytes that are not {encoding or form.encoding}", part.name)
        except ValueError as error:
            aside.add(number, str(error), part.name)
        else:
            fields = {"text": text, "label": part.label, "split": part.split, "file": part.name}
            rows.add(number, {name: value or None for name, value in fields.items()})
        if rows.are_many:
            yield rows.batch(), done
    yield rows.batch(), done
