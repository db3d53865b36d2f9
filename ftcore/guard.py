"""What is asked of a file that somebody brings before it is opened."""

import zipfile
from pathlib import Path

from ftcore.errors import UnfreezeError


def openable(*paths: Path) -> None:
    """Raise UnfreezeError for a pipe or a device: opening it might never end, nor reading it."""
    for path in paths:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise UnfreezeError(f"{path} is neither a file nor a folder: correct the path.")


def swells(path: Path) -> bool:
    """Whether a zip archive unpacks to far more than its size, to fill the memory.

    torch.save compresses nothing, so no honest file of weights does. Raises OSError and BadZipFile.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\3\4":
            return False
        with zipfile.ZipFile(file) as members:
            unpacked = sum(member.file_size for member in members.infolist())
    return unpacked > 2 * path.stat().st_size
