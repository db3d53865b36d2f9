"""What is asked of a file that somebody brings before it is opened, and of what it says."""

import errno
import zipfile
from pathlib import Path

from ftcore.errors import UnfreezeError


def there(path: str) -> Path:
    """The file or folder that somebody named. Raises UnfreezeError where there is none that can be opened."""
    try:
        found = Path(path).expanduser()
        found.stat()
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in it; the home of nobody we know
        reason = "is not there"
        if isinstance(error, OSError) and error.errno not in (errno.ENOENT, errno.ENOTDIR):
            reason = f"cannot be opened ({error.strerror})"
        raise UnfreezeError(
            f"{shown(path)} {reason}: correct the path, or leave it empty."
        ) from None
    openable(found)
    return found


def shown(words: str) -> str:
    """What somebody typed, short enough for a sentence and without what would garble it."""
    start = "".join(
        one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in words[:200]
    )
    return start + "…" * (len(words) > 200)


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
