"""Zips of folders."""

import os
import shutil
import zipfile
from pathlib import Path

from ftcore.events import Progress, Task
from ftcore.storage import scratch


def pack(folder: Path) -> Task[Path]:
    """Put a folder into a zip beside it, under its name; delete the folder, and return the zip.

    Raises OSError.
    """
    target = folder.with_name(f"{folder.name}.zip")
    yield from write(folder, target)
    shutil.rmtree(folder)
    return target


def write(folder: Path, target: Path) -> Task[None]:
    """Put a folder, under its name, into a new zip: all of it, or there is no zip.

    It is not compressed: weights hardly get smaller. Raises OSError.
    """
    entries = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    total, done = sum(path.stat().st_size for path in entries), 0
    with scratch.folder(target.parent) as staging:
        temporary = staging / target.name
        with temporary.open("xb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                for path in entries:
                    yield Progress("saving", done, total, "bytes")
                    archive.write(path, path.relative_to(folder.parent))
                    done += path.stat().st_size
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)
