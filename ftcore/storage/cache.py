"""A cache of named arrays, `<cache>/<name>/<key>.npy`, the least recently used ones removed."""

import contextlib
import io
import os
import shutil
import uuid
from pathlib import Path

import numpy as np

from ftcore import paths
from ftcore.storage import files


def load(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a name, memory-mapped copy-on-write; none if missing or damaged."""
    folder = paths.cache_dir() / name
    try:
        arrays = {file.stem: np.load(file, mmap_mode="c") for file in folder.glob("*.npy")}
    except (OSError, ValueError, EOFError):
        return {}
    touch(folder)
    return arrays


def store(name: str, arrays: dict[str, np.ndarray]) -> None:
    """Store arrays under a name, in place of earlier ones."""
    cache = paths.cache_dir()
    target, staging, old = cache / name, *(cache / f".{uuid.uuid4().hex}" for _ in range(2))
    staging.mkdir(parents=True)
    try:
        for key, array in arrays.items():
            array = np.asarray(array, order="C")
            header = io.BytesIO()
            description = np.lib.format.header_data_from_array_1_0(array)
            np.lib.format.write_array_header_1_0(header, description)
            # Not `np.save`, whose error for a full disk does not say so.
            content = array.reshape(-1).view(np.uint8).data
            files.write(staging / f"{key}.npy", header.getbuffer(), content)
        with contextlib.suppress(OSError):  # usually there is no earlier entry
            target.rename(old)
        with contextlib.suppress(OSError):  # another process has just stored the same name
            staging.rename(target)
    finally:
        for folder in (staging, old):
            shutil.rmtree(folder, ignore_errors=True)
    _trim(target)


def touch(entry: Path) -> None:
    """Mark a file or folder of the cache as recently used."""
    with contextlib.suppress(OSError):
        os.utime(entry)


def _trim(keep: Path) -> None:
    """Remove the least recently used entries other than `keep` until the cache is within its limit."""
    entries = []
    for entry in paths.cache_dir().iterdir():
        with contextlib.suppress(OSError):  # another process may trim at the same time
            entries.append((entry.stat().st_mtime, _size(entry), entry))
    excess = sum(size for _, size, _ in entries) - paths.cache_limit()
    for _, size, entry in sorted(entries):
        if excess > 0 and entry != keep:
            excess -= size
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


def _size(entry: Path) -> int:
    return sum(file.stat().st_size for file in (entry, *entry.rglob("*")) if file.is_file())
