"""A cache of named arrays, `<cache>/<name>/<key>.npy`, the least recently used ones removed.

Each entry has a file of checksums: a flipped bit in cached token ids would change results unnoticed.
"""

import contextlib
import io
import json
import logging
import os
import shutil
import uuid
import zlib
from pathlib import Path

import numpy as np

from ftcore import paths, validation
from ftcore.storage import files

CHECKSUMS = "checksums.json"  # CRC-32 of each array's file, by key
log = logging.getLogger(__name__)


def load(name: str) -> dict[str, np.ndarray]:
    """Return the arrays of a name, memory-mapped copy-on-write; none if missing or damaged.

    Checksums are verified each time: 54 MB, the ids of IMDB, take 12 ms.
    """
    folder = paths.cache_dir() / name
    try:
        checksums = validation.read_json(folder / CHECKSUMS)
        stored = {
            file: zlib.crc32(np.memmap(file, np.uint8, "r").data) for file in folder.glob("*.npy")
        }
        if {file.stem: checksum for file, checksum in stored.items()} != checksums:
            raise ValueError("another checksum")
        arrays = {file.stem: np.load(file, mmap_mode="c") for file in stored}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, EOFError) as error:
        log.warning("the cached %s is damaged and computed again (%s)", name, error)
        return {}
    touch(folder)
    return arrays


def names(prefix: str) -> list[str]:
    """The names that begin so, in alphabetical order."""
    return sorted(each.name for each in paths.cache_dir().glob(f"{prefix}*"))


def store(name: str, arrays: dict[str, np.ndarray]) -> None:
    """Store arrays under a name, in place of earlier ones."""
    cache = paths.cache_dir()
    target, staging, old = cache / name, *(cache / f".{uuid.uuid4().hex}" for _ in range(2))
    staging.mkdir(parents=True)
    checksums = {}
    try:
        for key, array in arrays.items():
            array = np.asarray(array, order="C")
            header = io.BytesIO()
            description = np.lib.format.header_data_from_array_1_0(array)
            np.lib.format.write_array_header_1_0(header, description)
            # Not `np.save`, whose error for a full disk does not say so.
            content = array.reshape(-1).view(np.uint8).data
            files.write(staging / f"{key}.npy", header.getbuffer(), content)
            checksums[key] = zlib.crc32(content, zlib.crc32(header.getbuffer()))
        files.write(staging / CHECKSUMS, json.dumps(checksums).encode())
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
