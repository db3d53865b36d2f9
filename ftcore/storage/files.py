"""Atomic writes: the old content or the new one, even if the process is killed or power is lost."""

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ftcore.errors import UnfreezeError, user_message
from ftcore.storage import scratch
from ftcore.validation import printable

_READY = ".ready"  # subfolder with complete files, to be moved into the folder above


def write(file: Path, *parts: bytes | memoryview) -> None:
    """Write the concatenated `parts` to a file, and create its folder if needed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("wb") as out:
            for part in parts:
                out.write(part)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(file.parent)


def write_all(folder: Path, contents: Mapping[str, bytes | Sequence[bytes | memoryview]]) -> None:
    """Write several files of a folder, content or its parts by name: all of them or none."""
    recover(folder)
    staging = folder / f".{uuid.uuid4().hex}"
    staging.mkdir(parents=True)
    try:
        for name, content in contents.items():
            parts = [content] if isinstance(content, bytes) else content
            write(staging / name, *parts)
        staging.rename(folder / _READY)
        _sync(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    recover(folder)


def recover(folder: Path) -> None:
    """Finish a `write_all` that was interrupted. Safe to call concurrently."""
    ready = folder / _READY
    if not ready.is_dir():
        return
    with contextlib.suppress(FileNotFoundError):  # another process has removed the subfolder
        for file in list(ready.iterdir()):
            with contextlib.suppress(FileNotFoundError):
                file.replace(folder / file.name)
    _sync(folder)
    with contextlib.suppress(OSError):
        ready.rmdir()


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a folder that becomes `target`, removed after an error. Raises UnfreezeError."""
    check_free(target)
    try:
        with scratch.folder(target.parent) as staging:
            yield staging
            staging.rename(target)
            _sync(target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error


def check_free(target: Path) -> None:
    """Raise UnfreezeError if a path exists, or is invalid."""
    try:
        target.lstat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unwritable(target, error) from None
    raise UnfreezeError(f"{printable(str(target))} is already there; choose another name.")


def check_writable(folder: Path, room: int = 0) -> None:
    """Create a folder if it is missing. Raises UnfreezeError if it cannot take a file of `room` bytes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(room))
    except OSError as error:
        raise UnfreezeError(user_message(error)) from error


def _unwritable(target: Path, error: Exception) -> UnfreezeError:
    # shutil.Error, of several files, has no strerror.
    reason = getattr(error, "strerror", None) or printable(str(error))
    return UnfreezeError(f"{printable(str(target))} cannot be written ({reason}); choose another.")


def _sync(folder: Path) -> None:
    """Flush the entries of a folder to disk, where the system supports it."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
