"""Arrays that can be computed again, kept on disk: written whole or not at all, absent where broken."""

import uuid
import zipfile

import numpy as np

from ftcore import settings

Arrays = dict[str, np.ndarray]


def load(name: str) -> Arrays:
    """What was stored under a name; nothing where it is not there, or was cut short by a crash."""
    try:
        with np.load(settings.cache_dir() / f"{name}.npz") as stored:
            return dict(stored)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return {}


def store(name: str, arrays: Arrays) -> None:
    """Keep arrays under a name."""
    folder = settings.cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{uuid.uuid4().hex}.npz"
    try:
        np.savez(part, **arrays)  # type: ignore[arg-type]  # its second parameter is no array
        part.replace(folder / f"{name}.npz")
    finally:
        part.unlink(missing_ok=True)
