"""The texts of a table as they are read: their fingerprint, and those that are to be answered next."""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from ftcore.data.tables.table_format import ROW

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, CHARACTERS = 4_096, 16_000_000  # of a part: one is lost at most by an interruption


class Fingerprint:
    """A hash of rows and their texts, whatever the batches in which they come."""

    def __init__(self) -> None:
        self._parts = [hashlib.sha256() for _ in range(3)]

    def add(self, batch: "pa.RecordBatch") -> None:
        import pyarrow.compute as pc

        rows, lengths, texts = self._parts
        sizes = pc.binary_length(batch.column(0)).fill_null(-1)
        rows.update(batch[ROW].to_numpy())
        lengths.update(sizes.to_numpy().astype(np.int64))
        texts.update("".join(filter(None, batch.column(0).to_pylist())).encode())

    @property
    def hash(self) -> str:
        digests = [part.digest() for part in self._parts]
        return hashlib.sha256(b"".join(digests)).hexdigest()


class Pending:
    """Texts to answer next, from a row on and without gaps; None for a row that could not be read."""

    def __init__(self, start: int) -> None:
        self.end = start
        self._texts: list[str | None] = []
        self._characters = 0

    def add(self, batch: "pa.RecordBatch") -> None:
        for row, text in zip(batch[ROW].to_pylist(), batch.column(0).to_pylist(), strict=True):
            if row >= self.end:
                self.fill(row)
                self._texts.append(text)
                self._characters += len(text or "")
                self.end += 1

    def fill(self, end: int) -> None:
        """Add rows up to one that could not be read."""
        self._texts += [None] * (end - self.end)
        self.end = end

    def __bool__(self) -> bool:
        return bool(self._texts)

    @property
    def are_many(self) -> bool:
        return len(self._texts) >= ROWS or self._characters >= CHARACTERS

    def take(self) -> list[str | None]:
        """Return the texts of a part."""
        part, self._texts = self._texts[:ROWS], self._texts[ROWS:]
        self._characters -= sum(len(text or "") for text in part)
        return part
