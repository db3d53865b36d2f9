"""Texts with their classes, parts and groups, as columns of equal length."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ftcore.data.findings.finding import NO_LABEL
from ftcore.data.store import labels as store_labels
from ftcore.data.store.card import NUMBERS, PARTS
from ftcore.data.store.collection import Collected
from ftcore.data.store.request import Request

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Labelled:
    """Texts with their classes, or without a label yet."""

    classes: tuple[str, ...]
    multi_label: bool
    texts: "pa.ChunkedArray"
    labels: list[tuple[int, ...] | None]
    """Positions in `classes`, ascending: one, or any number if `multi_label`; None: no label yet."""
    parts: np.ndarray
    """uint8, see `card.NUMBERS`."""
    rows: np.ndarray
    """int64: 0-based rows of the file."""
    groups: "pa.ChunkedArray | None"
    origins: "pa.ChunkedArray | None" = None
    """Who gave each label, see `journal.Origin`; None: all are those of the file."""

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
            origins=self.origins and self.origins.filter(mask),
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Texts of each label, by part."""
        counts: dict[str, dict[str, int]] = {}
        for part in PARTS:
            places = np.flatnonzero(self.parts == NUMBERS[part])
            found = Counter(c for place in places for c in self.labels[place] or ())
            counts[part] = {name: found[number] for number, name in enumerate(self.classes)}
        return counts

    def sizes(self) -> dict[str, int]:
        """Texts by part that have a label."""
        return self._by_part(self.parts[self.labelled()])

    def waiting(self) -> dict[str, int]:
        """Texts by part that have none; no part without such a text."""
        found = self._by_part(self.parts[~self.labelled()])
        return {part: number for part, number in found.items() if number}

    def _by_part(self, parts: np.ndarray) -> dict[str, int]:
        return {part: int((parts == NUMBERS[part]).sum()) for part in PARTS}

    def labelled(self) -> np.ndarray:
        """Return bool [texts]: whether each has a label."""
        return np.fromiter((each is not None for each in self.labels), bool, len(self))

    def label_numbers(self) -> np.ndarray:
        """Return int64 [texts], equal for texts of the same classes, NO_LABEL for those without a label."""
        different = dict.fromkeys(each for each in self.labels if each is not None)
        numbers = {each: number for number, each in enumerate(different)} | {None: NO_LABEL}
        return np.array([numbers[each] for each in self.labels], np.int64)


def classify(collected: Collected, request: Request) -> Labelled:
    """Return the texts with the classes that their labels stand for. Raises UsageError."""
    import pyarrow as pa
    import pyarrow.compute as pc

    raw = pa.chunked_array(collected.labels)
    counted = pc.value_counts((pc.list_flatten(raw) if collected.multi_label else raw).drop_null())
    values, counts = (counted.field(name).to_pylist() for name in ("values", "counts"))
    numbers = dict.fromkeys(collected.classes, 0) | dict(zip(values, counts, strict=True))
    found = store_labels.classes(
        numbers, request, collected.columns.label or "", partly=bool(raw.null_count)
    )
    collected.report.notes += found.notes
    if collected.multi_label:
        labels = [_class_set(each, found.of_value) for each in raw.to_pylist()]
        kept = np.array([each != () for each in labels]) | _are_empty(raw)
    else:
        single = {v: () if c is None else (c,) for v, c in found.of_value.items()} | {None: None}
        labels = [single[value] for value in raw.to_pylist()]
        kept = np.array([each != () for each in labels])
    collected.report.leave_out("dropped label", (~kept).sum())
    return Labelled(
        found.names,
        collected.multi_label and any(each is None or len(each) != 1 for each in labels),
        pa.chunked_array(collected.texts),
        labels,
        np.concatenate(collected.parts),
        np.concatenate(collected.rows),
        pa.chunked_array(collected.groups) if collected.groups else None,
        pa.chunked_array(collected.origins) if collected.origins else None,
    ).filter(kept)


def _are_empty(lists: "pa.ChunkedArray") -> np.ndarray:
    """Return bool [texts]: whether a text says that it has no label, which is not the same as no answer."""
    import pyarrow.compute as pc

    return pc.fill_null(pc.equal(pc.list_value_length(lists), 0), False).to_numpy()


def _class_set(
    values: list[str | None] | None, of_value: dict[str, int | None]
) -> tuple[int, ...] | None:
    if values is None:
        return None
    found = {of_value.get(value) for value in values if value is not None}
    return tuple(sorted(c for c in found if c is not None))
