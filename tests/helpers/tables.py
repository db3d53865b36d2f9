"""Files of tables that tests write, and what is read of them."""

import pyarrow as pa

from ftcore.data.tables import reading
from ftcore.data.tables.recognition import recognize
from ftcore.events import drain


def write(path, content, encoding="utf-8"):
    """Write a file and return its path."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read_table(path, columns=(), **options):
    """Recognize and read a file; return its form, its rows as one table, and the outcome."""
    form = recognize(path, **options)
    parts = []
    outcome = drain(reading.read(path, form, parts.append, columns))
    return form, pa.Table.from_batches(parts) if parts else None, outcome
