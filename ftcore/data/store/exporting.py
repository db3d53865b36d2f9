"""Writes a stored dataset, as it was cleaned, to a folder: a file for each part."""

import csv
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ftcore.data.store import stored
from ftcore.data.store.card import PARTS, Card
from ftcore.events import Progress, Task
from ftcore.storage import files

if TYPE_CHECKING:
    import pyarrow as pa

LABEL_SEPARATOR = "|"
"""Between the labels of a text in a CSV file; alone, it says that a text has none of them."""


def export(card: Card, folder: Path, form: Literal["csv", "parquet"] = "csv") -> Task[None]:
    """Write train, validation and test, .csv or .parquet, to a new folder. Raises UnfreezeError.

    Columns are text, label, label_origin (file, person or correction; empty as the label if there is none),
    row (0-based, of the file that they came from) and, if there is one, group.
    """
    import pyarrow.compute as pc

    columns = ["text", "label", "label_origin", "row"]
    columns += ["group"] if card.mapping.get("group") else []
    done, total = 0, card.stored
    with files.new_folder(folder) as staging, ExitStack() as stack:
        open_writer = _csv_writer if form == "csv" else _parquet_writer
        writers: dict[str, Callable[[pa.RecordBatch], None]] = {}
        for batch in stored.batches(card, [*columns, "split"]):
            for part in PARTS:
                if part not in writers:
                    file = staging / f"{part}.{form}"
                    writers[part] = open_writer(file, batch.select(columns).schema, stack)
                writers[part](batch.filter(pc.equal(batch["split"], part)).select(columns))
            done += len(batch)
            yield Progress("saving", done, total, "texts")
        stack.close()  # before the folder gets its name


def _csv_writer(
    file: Path, schema: "pa.Schema", stack: ExitStack
) -> "Callable[[pa.RecordBatch], None]":
    writer = csv.writer(stack.enter_context(file.open("w", encoding="utf-8", newline="")))
    writer.writerow(schema.names)

    def write(batch: "pa.RecordBatch") -> None:
        for row in batch.to_pylist():
            if isinstance(row["label"], list):
                row["label"] = LABEL_SEPARATOR.join(row["label"]) or LABEL_SEPARATOR
            writer.writerow(row.values())

    return write


def _parquet_writer(
    file: Path, schema: "pa.Schema", stack: ExitStack
) -> "Callable[[pa.RecordBatch], None]":
    import pyarrow.parquet as pq

    return stack.enter_context(pq.ParquetWriter(file, schema, compression="zstd")).write_batch
