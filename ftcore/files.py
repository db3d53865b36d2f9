"""Files written so that a reader sees the old content or the new, never half of one.

That holds for a process that is killed, and for a machine that loses its power.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

_READY = ".ready"  # files that are whole, on their way to the folder above


def write(file: Path, *parts: bytes | memoryview) -> None:
    """Put `parts`, one after the other, in place of a file; its folder is made where it is missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        with part.open("wb") as out:
            for one in parts:
                out.write(one)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    _sync(file.parent)


def write_together(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Put files, by name, in place of those in a folder: all of them or none."""
    settle(folder)
    staging = folder / f".{uuid.uuid4().hex}"
    staging.mkdir(parents=True)
    try:
        for name, content in contents.items():
            write(staging / name, content)
        staging.rename(folder / _READY)
        _sync(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    settle(folder)


def settle(folder: Path) -> None:
    """Finish what a process that was killed in `write_together` had begun."""
    ready = folder / _READY
    if not ready.is_dir():
        return
    with contextlib.suppress(FileNotFoundError):  # another settles it, too, and was quicker
        for file in list(ready.iterdir()):
            with contextlib.suppress(FileNotFoundError):
                file.replace(folder / file.name)
    _sync(folder)
    with contextlib.suppress(OSError):
        ready.rmdir()


def _sync(folder: Path) -> None:
    """Let the names in a folder survive a loss of power, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
