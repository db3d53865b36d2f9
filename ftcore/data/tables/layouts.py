"""How the files in a folder or an archive make up a table: by their names and those of their folders."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ftcore.data.tables import class_names, sources
from ftcore.data.tables.containers import Container
from ftcore.errors import UnfreezeError
from ftcore.validation import printable

_COMPRESSED = (".gz", ".bz2", ".xz", ".zip")
_TABLES = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx")
_TEXTS = (".txt", ".text", "")
SPLIT = "split"  # the column of the splits that names of files or folders say
_FEW = 50  # text files side by side that are a class each; more are a text each
_SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
_SPLITS |= dict.fromkeys(("val", "valid", "validation", "dev"), "validation")
_SPLIT = re.compile(rf"(?<![a-z])({'|'.join(_SPLITS)})(?:set|data)?(?![a-z])", re.IGNORECASE)
_ABOUT = re.compile(r"(?<![a-z])(readme|licen[sc]e|copying|changelog)(?![a-z])", re.IGNORECASE)
_OF_TEXTS = re.compile(r"(?<![a-z])(texts?|sentences?|seq\.in)(?![a-z])(?!.*/)", re.IGNORECASE)
_OF_LABELS = re.compile(r"(?<![a-z])labels?(?![a-z])(?!.*/)", re.IGNORECASE)
_JOINTS = " -_."  # between the words of a file's name


@dataclass(frozen=True)
class Part:
    """A file of a table, and what its place says of all its texts: their class and split.

    Attributes:
        labels: of a file with a text a line, the file that has their labels line by line.
    """

    name: str
    label: str = ""
    split: str = ""
    labels: str = ""


@dataclass(frozen=True)
class Layout:
    """The files of a table.

    Attributes:
        kind: "table"; "text" with a text a line; "parallel" with their labels in files of their own; or
            "folder" with a text a file.
        class_names: the file that has the names of numbered classes; "" if none.
    """

    kind: str
    parts: tuple[Part, ...]
    class_names: str = ""
    notes: tuple[str, ...] = ()

    @property
    def has_labels(self) -> bool:
        return any(part.label for part in self.parts)

    @property
    def has_splits(self) -> bool:
        return any(part.split for part in self.parts)


def find(container: Container) -> Layout:
    """Return the files that make up the table of a container. Raises UnfreezeError if none do."""
    all_names = list(container.sizes)
    named = class_names.find(all_names)
    names = [name for name in all_names if not _ABOUT.search(PurePosixPath(name).name)]
    names = [name for name in names if name != named] or all_names
    tables = [name for name in names if ending(name) in _TABLES]
    texts = [name for name in names if ending(name) in _TEXTS]
    if not tables + texts:
        texts = names  # such as reviews.pos and reviews.neg
    layout = of_tables(tables)
    if len(names) == 1:
        layout = Layout("table", (Part(names[0]),))
    elif parallel := _parallel(names):
        layout = parallel
    elif len(texts) > len(tables):
        layout = _folders_of_texts(texts) or (_files_of_texts(texts) if not tables else layout)
    if not layout.parts:
        raise UnfreezeError(
            f"{sources.shown(container.path)} has no file that can be read: give a table, or a "
            "folder of text files for each class."
        )
    if len({part.split for part in layout.parts}) == 1:  # a name, then, and no split
        layout = replace(layout, parts=tuple(replace(part, split="") for part in layout.parts))
    if layout.kind in ("table", "parallel"):
        layout = replace(layout, class_names=named)
    return replace(layout, notes=_left_out(all_names, layout))


def of_tables(names: Sequence[str]) -> Layout:
    """The layout of files that are tables, whose names may say their split."""
    return Layout("table", tuple(Part(name, split=split_of(name)) for name in names))


def _parallel(names: Sequence[str]) -> Layout | None:
    """The layout of files with a text a line and files of their labels; None if there are none."""
    lines = [name for name in names if ending(name) not in _TABLES]
    texts, labels = (
        {role.sub("*", path): path for path in lines if role.search(PurePosixPath(path).name)}
        for role in (_OF_TEXTS, _OF_LABELS)
    )
    parts = [
        Part(name, split=split_of(name), labels=labels[key])
        for key, name in texts.items()
        if key in labels
    ]
    return Layout("parallel", tuple(parts)) if parts else None


def _folders_of_texts(names: list[str]) -> Layout | None:
    """The layout of a folder for each class, with one text a file; None if there are no such folders."""
    paths = _below_their_folder(names)
    depth = Counter(len(path.parts) for path in paths.values()).most_common(1)[0][0]
    parts = [
        Part(name, path.parts[-2], split_of("/".join(path.parts[:-2])))
        for name, path in paths.items()
        if len(path.parts) == depth > 1
    ]
    labels = {part.label for part in parts}
    if len(labels) < 2 or all(map(split_of, labels)):
        return None
    return Layout("folder", tuple(parts))


def _files_of_texts(names: list[str]) -> Layout:
    """The layout of text files side by side: one for each class if they are few, or each a text."""
    paths = _below_their_folder(names)
    if len(names) > _FEW:
        return Layout("folder", tuple(Part(name) for name in names))
    parts = {name: split_of(str(path)) for name, path in paths.items()}
    stems = {name: _without_split(path.stem) for name, path in paths.items()}
    if not any(stems.values()):  # train.txt and test.txt
        return Layout("text", tuple(Part(name, split=split) for name, split in parts.items()))
    per_split = max(Counter(parts.values()).values())
    choices = (
        stems,
        {name: path.suffix[1:] for name, path in paths.items()},  # reviews.pos, reviews.neg
        {name: path.name for name, path in paths.items()},
    )
    labels = next(labels for labels in choices if len(set(labels.values())) >= per_split)
    return Layout("text", tuple(Part(name, labels[name], split) for name, split in parts.items()))


def _below_their_folder(names: list[str]) -> dict[str, PurePosixPath]:
    """Return the path of each file below the folder that all have in common."""
    paths = {name: PurePosixPath(name) for name in names}
    common = PurePosixPath(os.path.commonpath([path.parent for path in paths.values()]))
    return {name: path.relative_to(common) for name, path in paths.items()}


def is_file_name(name: str) -> bool:
    """Whether a name has the ending of a file that can be read."""
    suffix = PurePosixPath(name.lower()).suffix
    return bool(suffix) and suffix in (*_TABLES, *_TEXTS, *_COMPRESSED, ".tar", ".tgz")


def ending(name: str) -> str:
    """Return how the name of a file ends, compression aside."""
    path = PurePosixPath(name.lower())
    return PurePosixPath(path.stem).suffix if path.suffix in _COMPRESSED else path.suffix


def split_of(path: str) -> str:
    """Return the split that a path names, its last folder before those above it; "" if none."""
    for name in reversed(path.split("/")):
        if found := _SPLIT.search(name):
            return _SPLITS[found[1].lower()]
    return ""


def are_splits(names: Sequence[str]) -> bool:
    """Whether names are those of a split, training among them."""
    splits = {split_of(name) for name in names}
    return "train" in splits and len(splits) > 1 and "" not in splits


def _without_split(stem: str) -> str:
    """Return the name of a file without the split in it: "pos" of "pos_train"."""
    return _SPLIT.sub("", stem).strip(_JOINTS)


def _left_out(names: list[str], layout: Layout) -> tuple[str, ...]:
    used = {
        layout.class_names,
        *(file for part in layout.parts for file in (part.name, part.labels)),
    }
    others = sorted(set(names) - used)
    if not others:
        return ()
    files = "1 other file was" if len(others) == 1 else f"{len(others):,} other files were"
    return (f"{files} left out ({printable(', '.join(others))}).",)
