"""The datasets by name, built in or stored: loading, fingerprints, and the split into training and validation
rows.
"""

import hashlib
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from ftcore import paths, validation
from ftcore.data import ag_news, imdb, sample
from ftcore.data.store import card, stored, storing, versions
from ftcore.data.store.card import Card
from ftcore.data.store.request import Request
from ftcore.data.text_dataset import (
    Content,
    DatasetSpec,
    Reading as Reading,
    TextDataset as TextDataset,
    Texts as Texts,
    drawn_for_validation,
    fingerprint,
)
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Task
from ftcore.storage import downloads

_BUILT_IN = {spec.name: spec for spec in (sample.SPEC, imdb.SPEC, ag_news.SPEC)}


def names() -> list[str]:
    """The datasets that are built in, then those that users have stored, without damaged ones."""
    return [*_BUILT_IN, *filter(find, card.names())]


def add(request: Request) -> Task[Card]:
    """Store a user's data under a new name, and return its card. Raises UnfreezeError."""
    return storing.add(request, reserved=list(_BUILT_IN))


def rename(name: str, new: str) -> None:
    """Give a stored dataset another name. Raises UnfreezeError."""
    card.rename(name, new, reserved=list(_BUILT_IN))


def load(name: str, source: str = "") -> Task[TextDataset]:
    """Read a dataset from `source`, or download it if that is empty. Raises UnfreezeError."""
    spec = find_spec(name)
    files = download_paths(name)
    if not files:
        return _build(spec, (yield from spec.read(Path())), spec.origin())
    if source:
        path = validation.existing_path(source)
        return _build(spec, (yield from spec.read(path)), str(path))
    for file, url in zip(files, spec.files().values(), strict=True):
        size, md5 = spec.checksums.get(url, (None, None))
        yield from downloads.fetch(url, file, size=size, md5=md5)
    try:
        content = yield from spec.read(files[0])
    except UnfreezeError:
        for file in files:  # a mirror may have sent an error page, which must not be read again
            file.unlink(missing_ok=True)
        raise
    return _build(spec, content, spec.origin())


def check_source(name: str, source: str) -> None:
    """Raise UnfreezeError if a path cannot be the source of a dataset; reads next to nothing of it."""
    find_spec(name).check_source(validation.existing_path(source))


def find_spec(name: str) -> DatasetSpec:
    """Return the spec of a dataset, or of a version of it (`NAME@3`).

    Raises UnfreezeError if there is none of this name, or it is damaged.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    if found := versions.find(name):
        return stored.spec(found, name if is_version(name) else "")
    shown = validation.printable(name)
    raise UsageError(f"There is no dataset {shown!r}; {validation.choose_from(name, names())}")


def is_synthetic(name: str) -> bool:
    """Whether the texts of a dataset are known to be made up, so that figures say nothing of real ones."""
    spec = find(name)
    return spec is not None and spec.synthetic


def is_version(name: str) -> bool:
    """Whether a name says which version of a stored dataset it means."""
    return versions.split_name(name)[1] is not None


def without_version(name: str) -> str:
    """The name of a dataset, whatever version of it `name` means."""
    return versions.split_name(name)[0]


def with_version(name: str) -> str:
    """The name of the version that `name` means now, for a record: labels may be given later.

    That of a dataset in which nobody has labelled anything stays as it is: see `as_recorded`.
    """
    spec = None if is_version(name) else find(name)
    number = versions.newest(card.get(name)) if spec and spec.stored else 0
    return f"{name}@{number}" if number else name


def as_recorded(name: str) -> str:
    """The name of the version that a record means by `name`: version 0 if it gives none.

    The name itself, where that is the only version.
    """
    return f"{name}@0" if with_version(name) != name else name


def check_trainable(name: str) -> None:
    """Raise UnfreezeError unless a dataset has enough labelled texts to train on and to measure by."""
    found = versions.find(name) if name not in _BUILT_IN else None
    if found is None or not (found.waiting or found.version):
        return
    title, way_out = found.title, "give some labels first (on the page Label)"
    present = [label for label, number in found.counts["train"].items() if number]
    if len(present) < 2:
        raise UsageError(
            f"Fewer than two classes have a labelled training text in {title}: {way_out}."
        )
    for part in ("validation", "test"):
        if not found.sizes[part]:
            raise UsageError(f"No {part} text of {title} has a label: {way_out}.")


def find(name: str) -> DatasetSpec | None:
    """Return the spec of a dataset, or None if there is none that can be used."""
    try:
        return find_spec(name)
    except UnfreezeError:
        return None


def title(name: str) -> str:
    """Return the title of a dataset, or `name` if it is unknown, as in an imported record."""
    base, number = versions.split_name(name)
    found = titles().get(base, base)
    return found if number is None else f"{found}, version {number}"


def titles() -> dict[str, str]:
    """Return the title of each dataset that can be used; a shared title with the name behind it."""
    specs = {name: spec for name in names() if (spec := find(name))}
    counts = Counter(spec.title.casefold() for spec in specs.values())
    return {
        name: f"{spec.title} ({name})" if counts[spec.title.casefold()] > 1 else spec.title
        for name, spec in specs.items()
    }


def download_paths(name: str) -> list[Path]:
    """Return where the files of a dataset are downloaded to."""
    return [paths.downloads_dir() / file for file in find_spec(name).files()]


def is_available(name: str, source: str = "") -> bool:
    """Whether a dataset can be read without a download."""
    if find(name) is None:
        return False
    files = download_paths(name)
    if files and source:
        try:
            return validation.existing_path(source).exists()
        except UnfreezeError:
            return False
    return all(file.is_file() for file in files)


def version(name: str, source: str = "") -> str:
    """Return what changes when a file of a dataset does, without reading the files; "" if there are none."""
    try:
        spec = find_spec(name)
        digest = hashlib.sha256(spec.fingerprint.encode())
        path = validation.existing_path(source) if source else None
        files = spec.list_files(path) if path else map(str, download_paths(name))
        for file in sorted(files):
            state = os.stat(file)  # not Path's, which takes longer for 50,000 reviews
            digest.update(f"{file} {state.st_size} {state.st_mtime_ns}\n".encode())
    except (OSError, UnfreezeError):
        return ""
    return digest.hexdigest()[:16]


def split(dataset: TextDataset, seed: int, limit: int = 0) -> tuple[list[int], list[int]]:
    """Return training rows in random order and validation rows.

    The validation rows are the dataset's own, or 5% of the training texts, by seed. `limit` cuts the
    training rows only, so runs with any limit share the validation rows.
    """
    size = len(dataset.train.texts)
    if size < 2:
        raise UnfreezeError("One text cannot be split: give at least two training texts.")
    rows = np.random.default_rng(seed).permutation(size)
    if dataset.val_rows:
        val = list(dataset.val_rows)
        train = rows[~np.isin(rows, val)].tolist()
    else:
        validation_size = drawn_for_validation(size)
        train, val = rows[:-validation_size].tolist(), rows[-validation_size:].tolist()
    return train[: limit or None], val


def split_fingerprint(dataset: TextDataset, train: list[int], val: list[int]) -> str:
    """Return a hash that two runs share if they have the same texts in the same two splits."""
    digest = hashlib.sha256(dataset.fingerprint.encode())
    for rows in (sorted(train), sorted(val)):
        digest.update(np.array([len(rows), *rows], dtype="<i8").tobytes())
    return digest.hexdigest()[:16]


def _build(spec: DatasetSpec, content: Content, source: str) -> TextDataset:
    """Drop empty texts, count them in the notes, and compute the fingerprint."""
    train, test = content.train, content.test
    reading, val_rows = content.reading, content.val_rows
    size = len(train.texts) + len(test.texts)
    train, test = _without_empty(train), _without_empty(test)
    if dropped := size - len(train.texts) - len(test.texts):
        for split, part in (("training", train), ("test", test)):
            for name, count in zip(spec.labels, part.counts(len(spec.labels)), strict=True):
                if not count:
                    raise UnfreezeError(
                        f"All {split} texts of class {name} in {source} are empty: give other data."
                    )
        are = "1 empty text was" if dropped == 1 else f"{dropped:,} empty texts were"
        reading = replace(reading, notes=(*reading.notes, f"{are} left out."))
    # Stored texts have been compared with the fingerprint of their card.
    hashed = spec.fingerprint or fingerprint(spec.labels, train.pairs(), test.pairs(), val_rows)
    return TextDataset(
        spec.name,
        spec.title,
        spec.labels,
        train,
        test,
        source,
        spec.synthetic,
        hashed,
        reading,
        val_rows,
        spec.multi_label,
    )


def _without_empty(part: Texts) -> Texts:
    return part.at(row for row, text in enumerate(part.texts) if text.strip())
