"""Finds the folder of a dataset below the path that was given."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from ftcore import validation
from ftcore.errors import UnfreezeError

DEPTH = 2  # levels below the given folder that are searched


def find_folder(path: Path, holds: Callable[[Path], bool]) -> Path | None:
    """Return the folder that `holds` the data: `path`, or the only one at the first level that has one.

    Raises UnfreezeError if that level has several.
    """
    level = [path]
    for depth in range(DEPTH + 1):
        if found := [folder for folder in level if holds(folder)]:
            return Path(only(path, map(str, found)))
        if depth < DEPTH:
            level = [child for folder in level for child in _children(folder)]
    return None


def only(path: Path, places: Iterable[str]) -> str:
    """Return the only place of the data in `path`. Raises UnfreezeError if there are several."""
    first, *others = sorted(set(places))
    if others:
        shown = " and ".join(
            validation.printable(place) or "itself" for place in (first, others[0])
        )
        raise UnfreezeError(
            f"{validation.printable(str(path))} has the data in several places, {shown}: "
            "give one of them."
        )
    return first


def _children(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry) for entry in entries if is_visible(entry.name) and entry.is_dir()]
    except OSError:
        return []


def is_visible(name: str) -> bool:
    """Whether a name is not one that systems add, such as .DS_Store or __MACOSX."""
    return not name.startswith((".", "__"))
