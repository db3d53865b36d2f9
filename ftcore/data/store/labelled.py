"""Texts with their classes, parts and groups, as columns of equal length."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ftcore.data.store import labels as store_labels
from ftcore.data.store.card import NUMBERS, PARTS
from ftcore.data.store.collection import Collected
from ftcore.data.store.request import Request

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Labelled:
    """Texts that have classes."""

    classes: tuple[str, ...]
    multi_label: bool
    texts: "pa.ChunkedArray"
    labels: list[tuple[int, ...]]
    """Positions in `classes`, ascending: one, or any number if `multi_label`."""
    parts: np.ndarray
    """uint8, see `card.NUMBERS`."""
    rows: np.ndarray
    """int64: 0-based rows of the file."""
    groups: "pa.ChunkedArray | None"

    def __len__(self) -> int:
        return len(self.labels)

    def filter(self, kept: np.ndarray) -> "Labelled":
        """Return the texts for which `kept`, bool [texts], is true."""
        import pyarrow as pa

        if kept.all():
            return self
        mask = pa.array(kept)
        return replace(
            self,
            texts=self.texts.filter(mask),
            labels=[self.labels[place] for place in np.flatnonzero(kept)],
            parts=self.parts[kept],
            rows=self.rows[kept],
            groups=self.groups and self.groups.filter(mask),
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Texts of each label, by part."""
        counts: dict[str, dict[str, int]] = {}
        for part in PARTS:
            places = np.flatnonzero(self.parts == NUMBERS[part])
            found = Counter(c for place in places for c in self.labels[place])
            counts[part] = {name: found[number] for number, name in enumerate(self.classes)}
        return counts

    def label_numbers(self) -> np.ndarray:
        """Return int64 [texts], equal for texts of the same classes."""
        numbers = {each: number for number, each in enumerate(dict.fromkeys(self.labels))}
        return np.array([numbers[each] for each in self.labels], np.int64)


def classify(collected: Collected, request: Request) -> Labelled:
    """Return the texts with the classes that their labels stand for. Raises UsageError."""
    import pyarrow as pa
    import pyarrow.compute as pc

    raw = pa.chunked_array(collected.labels)
    counted = pc.value_counts((pc.list_flatten(raw) if collected.multi_label else raw).drop_null())
    values, counts = (counted.field(name).to_pylist() for name in ("values", "counts"))
    found = store_labels.classes(
        dict(zip(values, counts, strict=True)), request, collected.columns.label
    )
    collected.report.notes += found.notes
    if collected.multi_label:
        labels = [_class_set(each, found.of_value) for each in raw.to_pylist()]
        had_none = pc.equal(pc.list_value_length(raw), 0).to_numpy()
    else:
        single = {v: () if c is None else (c,) for v, c in found.of_value.items()}
        labels = [single[value] for value in raw.to_pylist()]
        had_none = np.zeros(len(labels), bool)
    kept = np.fromiter(map(bool, labels), bool, len(labels)) | had_none
    collected.report.leave_out("dropped label", (~kept).sum())
    return Labelled(
        found.names,
        collected.multi_label and any(len(each) != 1 for each in labels),
        pa.chunked_array(collected.texts),
        labels,
        np.concatenate(collected.parts),
        np.concatenate(collected.rows),
        pa.chunked_array(collected.groups) if collected.groups else None,
    ).filter(kept)


def _class_set(values: list[str | None], of_value: dict[str, int | None]) -> tuple[int, ...]:
    found = {of_value.get(value) for value in values if value is not None}
    return tuple(sorted(c for c in found if c is not None))
