"""Files written so that a reader sees the old content or the new, never half of one."""

import os
import uuid
from pathlib import Path


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
