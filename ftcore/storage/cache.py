"""Arrays that can be computed again, kept on disk: whole or not at all, absent where broken.

    <cache>/<name>/<key>.npy

What was not used for longest goes where the folder outgrows `UNFREEZE_CACHE_GB`.
"""

import contextlib
import io
import os
import shutil
import uuid
from pathlib import Path

import numpy as np

from ftcore import paths
from ftcore.storage import files

Arrays = dict[str, np.ndarray]


def load(name: str) -> Arrays:
    """What was stored under a name; nothing where it is not there, or was cut short by a crash.

    The arrays stay on disk and are read as they are used; what one changes in them is one's own.
    """
    folder = paths.cache_dir() / name
    try:
        found = {file.stem: np.load(file, mmap_mode="c") for file in folder.glob("*.npy")}
    except (OSError, ValueError, EOFError):
        return {}
    touch(folder)
    return found


def store(name: str, arrays: Arrays) -> None:
    """Keep arrays under a name."""
    cache = paths.cache_dir()
    target, staging, old = cache / name, *(cache / f".{uuid.uuid4().hex}" for _ in range(2))
    staging.mkdir(parents=True)
    try:
        for key, array in arrays.items():
            array = np.asarray(array, order="C")
            header = io.BytesIO()
            about = np.lib.format.header_data_from_array_1_0(array)
            np.lib.format.write_array_header_1_0(header, about)
            # Not `np.save`, which does not say why a disk takes no more.
            content = array.reshape(-1).view(np.uint8).data
            files.write(staging / f"{key}.npy", header.getbuffer(), content)
        with contextlib.suppress(OSError):  # there is none, most of the time
            target.rename(old)
        with contextlib.suppress(OSError):  # somebody else stored the same just now
            staging.rename(target)
    finally:
        for folder in (staging, old):
            shutil.rmtree(folder, ignore_errors=True)
    _trim(target)


def touch(entry: Path) -> None:
    """Note that a file or folder of the cache was of use just now."""
    with contextlib.suppress(OSError):
        os.utime(entry)


def _trim(keep: Path) -> None:
    """Remove what was used longest ago, but never `keep`, until the cache has its size."""
    entries = []
    for entry in paths.cache_dir().iterdir():
        with contextlib.suppress(OSError):  # another process trims as well
            entries.append((entry.stat().st_mtime, _size(entry), entry))
    excess = sum(size for _, size, _ in entries) - paths.cache_limit()
    for _, size, entry in sorted(entries):
        if excess <= 0:
            return
        if entry != keep:
            _remove(entry)
            excess -= size


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def _size(entry: Path) -> int:
    files = [entry] if entry.is_file() else [file for file in entry.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)
