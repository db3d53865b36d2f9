"""A stored dataset as everyone else sees it: its DatasetSpec, and how its texts are read."""

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ftcore.data.store import versions
from ftcore.data.store.card import PARTS, Card
from ftcore.data.text_dataset import Content, DatasetSpec, Texts, fingerprint
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 20_000  # read at once


def spec(card: Card, name: str = "") -> DatasetSpec:
    """Return the spec of a version of a stored dataset, called `name`, by default by that of the newest."""
    training, validation, test = (card.sizes[part] for part in PARTS)
    return DatasetSpec(
        name=name or card.name,
        title=f"{card.title}, version {card.version}" if name else card.title,
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
    """Yield the texts of a version, without dropped ones: `columns`, `label` and `label_origin`.

    A text without a label has null for both of these. Raises UnfreezeError if the texts are gone or damaged.
    """
    import pyarrow as pa

    states, start = versions.states(card), 0
    for batch in original_batches(card, columns):
        changed = {
            place - start: states[place]
            for place in range(start, start + len(batch))
            if place in states
        }
        start += len(batch)
        if changed:
            labels, origins = batch["label"].to_pylist(), batch["label_origin"].to_pylist()
            for row, state in changed.items():
                label = state.label if card.multi_label or state.label is None else state.label[0]
                labels[row], origins[row] = label, state.origin or None
            for name, values in (("label", labels), ("label_origin", origins)):
                place = batch.schema.get_field_index(name)
                batch = batch.set_column(place, name, pa.array(values, batch[name].type))
            batch = batch.filter(pa.array([origin != "dropped" for origin in origins]))
        yield batch


def original_batches(card: Card, columns: list[str]) -> "Iterator[pa.RecordBatch]":
    """Yield all stored texts as version 0 has them, see `batches`."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    columns = list(dict.fromkeys([*columns, "label", "label_origin"]))
    try:
        with pq.ParquetFile(card.texts) as file:
            has_origin = "label_origin" in file.schema_arrow.names
            own = [name for name in columns if name != "label_origin" or has_origin]
            for batch in file.iter_batches(columns=own, batch_size=_ROWS):
                if pa.types.is_list(batch["label"].type) != card.multi_label:
                    raise _fault(card, "cannot be read")
                if not has_origin:
                    none = pa.scalar(None, pa.string())
                    origin = pc.if_else(batch["label"].is_valid(), pa.scalar("file"), none)
                    batch = batch.append_column("label_origin", origin)
                yield batch.select(columns)
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

    texts, labels, parts = list[str](), list[Any](), list[str]()
    classes = pa.array(card.labels, pa.string())
    yield Progress("reading", 0, card.stored, "texts")
    for batch in original_batches(card, ["text", "label", "split"]):
        texts += batch["text"].to_pylist()
        labels += _positions(batch["label"], classes)
        parts += batch["split"].to_pylist()
        yield Progress("reading", len(texts), card.stored, "texts")
    original = versions.at(card, 0)
    if fingerprint_of(original.labels, texts, labels, parts) != card.texts_fingerprint:
        raise _fault(card, "are not those that were stored")
    for place, state in versions.states(card).items():
        if state.label is None:
            labels[place] = None
            continue
        numbers = tuple(sorted(card.labels.index(name) for name in state.label))
        labels[place] = numbers if card.multi_label else numbers[0]
    train, test = Texts([], []), Texts([], [])
    val_rows: list[int] = []
    for text, label, part in zip(texts, labels, parts, strict=True):
        if label is None:
            continue
        if part == "validation":
            val_rows.append(len(train.texts))
        chosen = test if part == "test" else train
        chosen.texts.append(text)
        chosen.labels.append(label)
    return Content(train, test, val_rows=tuple(val_rows))


def fingerprint_of(
    classes: Sequence[str], texts: Sequence[str], labels: Sequence[Any], parts: Sequence[str]
) -> str:
    """Return the fingerprint of stored texts, with a label or None, as a card has it."""

    def pairs(in_test: bool) -> Iterator[tuple[str, Any]]:
        rows = zip(texts, labels, parts, strict=True)
        return ((text, label) for text, label, part in rows if (part == "test") == in_test)

    of_train = (part for part in parts if part != "test")
    val_rows = [row for row, part in enumerate(of_train) if part == "validation"]
    return fingerprint(classes, pairs(in_test=False), pairs(in_test=True), val_rows)


def _positions(labels: "pa.Array", classes: "pa.Array") -> list[Any]:
    """The labels of texts as positions in `classes`, or ascending tuples of them if they are lists.

    None for a text without a label.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_list(labels.type):
        return pc.index_in(labels, classes).to_pylist()
    flat = pc.index_in(labels.flatten(), classes).to_pylist()
    lengths = pc.fill_null(pc.list_value_length(labels), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths).tolist()
    found = [tuple(sorted(flat[start:end])) for start, end in itertools.pairwise([0, *ends])]
    given = labels.is_valid().to_pylist()
    return [label if has_one else None for label, has_one in zip(found, given, strict=True)]
