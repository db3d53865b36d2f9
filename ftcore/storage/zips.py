"""Zips of folders."""

import shutil
import zipfile
from pathlib import Path

from ftcore.events import Progress, Task


def pack(folder: Path) -> Task[Path]:
    """Put a folder into a zip beside it, under its name; delete the folder, and return the zip.

    It is not compressed: weights hardly get smaller. Raises OSError.
    """
    target = folder.with_name(f"{folder.name}.zip")
    entries = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    total, done = sum(path.stat().st_size for path in entries), 0
    try:
        with zipfile.ZipFile(target, "x") as archive:
            for path in entries:
                yield Progress("saving", done, total, "bytes")
                archive.write(path, path.relative_to(folder.parent))
                done += path.stat().st_size
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    shutil.rmtree(folder)
    return target
