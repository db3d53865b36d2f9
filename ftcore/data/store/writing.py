"""Writes a dataset whole or not at all: texts, rows that were kept aside, and the card."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ftcore.data.store import card
from ftcore.data.store.card import PART_NAMES, TEST, VALIDATION, Card
from ftcore.data.store.labelled import Labelled
from ftcore.data.tables.table_format import BadRow
from ftcore.data.text_dataset import fingerprint
from ftcore.errors import UnfreezeError, user_message
from ftcore.events import Progress, Task
from ftcore.storage import files, scratch

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 20_000  # written at once


def write(about: Card, texts: Labelled, aside: Sequence[BadRow]) -> Task[Card]:
    """Write a dataset, and return its card with the fingerprint. Raises UnfreezeError."""
    about = replace(about, fingerprint=_fingerprint(texts))
    with files.new_folder(about.folder) as staging:
        yield from _write_texts(staging / card.TEXTS, texts)
        if aside:
            _write_aside(staging / card.ASIDE, aside)
        files.write(staging / card.CARD, about.to_json())
    return card.get(about.name)


def rewrite(about: Card, texts: Labelled) -> Task[Card]:
    """Put changed texts in the place of a stored dataset; its rows aside stay. Raises UnfreezeError."""
    about = replace(about, fingerprint=_fingerprint(texts))
    try:
        with scratch.folder(about.folder.parent) as staging:
            new, old = staging / "new", staging / "old"
            with files.new_folder(new) as content:
                yield from _write_texts(content / card.TEXTS, texts)
                if about.aside.is_file():
                    shutil.copy(about.aside, content / card.ASIDE)
                files.write(content / card.CARD, about.to_json())
            about.folder.rename(old)
            try:
                new.rename(about.folder)
            except OSError:
                old.rename(about.folder)
                raise
    except OSError as error:
        raise UnfreezeError(user_message(error)) from error
    return card.get(about.name)


def _fingerprint(texts: Labelled) -> str:
    """Return what `stored.fingerprint_of` will compute of the texts."""
    in_test = texts.parts == TEST
    val_rows = np.flatnonzero(texts.parts[~in_test] == VALIDATION).tolist()
    return fingerprint(texts.classes, _pairs(texts, ~in_test), _pairs(texts, in_test), val_rows)


def _pairs(texts: Labelled, chosen: np.ndarray) -> Iterator[tuple[str, object]]:
    place = 0
    for batch in texts.texts.chunks:
        for text in batch.to_pylist():
            if chosen[place]:
                label = texts.labels[place]
                yield text, label if texts.multi_label or label is None else label[0]
            place += 1


def _write_texts(file: Path, texts: Labelled) -> Task[None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    label = pa.list_(pa.string()) if texts.multi_label else pa.string()
    fields = [("text", pa.string()), ("label", label), ("split", pa.string()), ("row", pa.int64())]
    if texts.groups is not None:
        fields.append(("group", pa.string()))
    if texts.origins is not None:
        fields.append(("label_origin", pa.string()))
    schema = pa.schema(fields)
    with file.open("wb") as out:
        with pq.ParquetWriter(out, schema, compression="zstd") as writer:
            for start in range(0, len(texts), _ROWS):
                end = min(start + _ROWS, len(texts))
                writer.write_table(pa.table(_columns(texts, start, end), schema=schema))
                yield Progress("saving", end, len(texts), "texts")
        out.flush()
        os.fsync(out.fileno())


def _columns(texts: Labelled, start: int, end: int) -> "dict[str, pa.Array | list[object]]":
    columns = {
        "text": texts.texts.slice(start, end - start),
        "label": [_label(each, texts) for each in texts.labels[start:end]],
        "split": [PART_NAMES[number] for number in texts.parts[start:end].tolist()],
        "row": texts.rows[start:end],
    }
    if texts.groups is not None:
        columns["group"] = texts.groups.slice(start, end - start)
    if texts.origins is not None:
        columns["label_origin"] = texts.origins.slice(start, end - start)
    return columns


def _label(label: tuple[int, ...] | None, texts: Labelled) -> str | list[str] | None:
    """A label as it is stored: names of classes."""
    if label is None:
        return None
    names = [texts.classes[number] for number in label]
    return names if texts.multi_label else names[0]


def _write_aside(file: Path, aside: Sequence[BadRow]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ("row", "reason", "excerpt")
    pq.write_table(pa.table({name: [getattr(bad, name) for bad in aside] for name in names}), file)
