"""A stored dataset as everyone else sees it: its DatasetSpec, and how its texts are read."""

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.data.store.card import PARTS, Card
from ftcore.data.text_dataset import Content, DatasetSpec, Texts
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 20_000  # read at once


def spec(card: Card) -> DatasetSpec:
    """Return the spec of a stored dataset."""
    training, validation, test = (card.sizes[part] for part in PARTS)
    return DatasetSpec(
        name=card.name,
        title=card.title,
        labels=card.labels,
        sizes=(training + validation, test),
        mean_tokens=card.mean_tokens,
        examples=card.examples,
        origin=lambda: card.source,
        read=partial(_read, card),
        list_files=lambda path: [str(card.texts)],
        validation_size=validation,
        multi_label=card.multi_label,
        fingerprint=card.fingerprint,
    )


def batches(card: Card, columns: list[str]) -> "Iterator[pa.RecordBatch]":
    """Yield the stored texts. Raises UnfreezeError if they are gone or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(card.texts) as file:
            yield from file.iter_batches(columns=columns, batch_size=_ROWS)
    except FileNotFoundError:
        fault = "are gone"
    except (pa.ArrowException, KeyError):
        fault = "cannot be read"
    else:
        return
    raise _fault(card, fault)


def _fault(card: Card, fault: str) -> UnfreezeError:
    return UnfreezeError(
        f"The texts of {card.title} {fault}: remove the dataset, and add it again."
    )


def _read(card: Card, path: Path) -> Task[Content]:
    """Read the texts that have a label; `path` is that of a given source, which there is none of."""
    import pyarrow as pa  # late: pages list datasets before anything is read

    train, test = Texts([], []), Texts([], [])
    val_rows: list[int] = []
    classes = pa.array(card.labels)
    done, total = 0, sum(card.sizes.values())
    yield Progress("reading", 0, total, "texts")
    for batch in batches(card, ["text", "label", "split"]):
        if pa.types.is_list(batch["label"].type) != card.multi_label:
            raise _fault(card, "cannot be read")
        batch = batch.filter(batch["label"].is_valid())
        labels = _positions(batch["label"], classes)
        rows = zip(batch["text"].to_pylist(), labels, batch["split"].to_pylist(), strict=True)
        for text, label, part in rows:
            if part == "validation":
                val_rows.append(len(train.texts))
            texts = test if part == "test" else train
            texts.texts.append(text)
            texts.labels.append(label)
        done += len(batch)
        yield Progress("reading", done, total, "texts")
    return Content(train, test, val_rows=tuple(val_rows))


def _positions(labels: "pa.Array", classes: "pa.Array") -> list[Any]:
    """The labels of texts as positions in `classes`, or ascending tuples of them if they are lists."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_list(labels.type):
        return pc.index_in(labels, classes).to_pylist()
    flat = pc.index_in(labels.flatten(), classes).to_pylist()
    ends = np.cumsum(pc.list_value_length(labels).to_numpy(zero_copy_only=False)).tolist()
    return [tuple(sorted(flat[start:end])) for start, end in itertools.pairwise([0, *ends])]
