"""Files written so that a reader sees the old content or the new, never half of one.

That holds for a process that is killed, and for a machine that loses its power.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from ftcore.errors import UnfreezeError
from ftcore.validation import printable

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


def write_all(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Put files, by name, in place of those in a folder: all of them or none."""
    recover(folder)
    staging = folder / f".{uuid.uuid4().hex}"
    staging.mkdir(parents=True)
    try:
        for name, content in contents.items():
            write(staging / name, content)
        staging.rename(folder / _READY)
        _sync(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    recover(folder)


def recover(folder: Path) -> None:
    """Finish what a process that was killed in `write_all` had begun."""
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


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill, which is `target` at the end, and nothing where anything goes wrong before.

    Raises UnfreezeError where something is there already, or nothing can be written there.
    """
    staging = None
    try:
        check_free(target)
        staging = target.with_name(f".{uuid.uuid4().hex}")
        staging.mkdir(parents=True)
        yield staging
        staging.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def check_free(target: Path) -> None:
    """Raise UnfreezeError where something new cannot be put, as something is there or nothing can be."""
    try:
        target.lstat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:  # such as a NUL in it
        raise _unwritable(target, error) from None
    raise UnfreezeError(f"{printable(str(target))} is already there; choose another name.")


def _unwritable(target: Path, error: Exception) -> UnfreezeError:
    reason = getattr(error, "strerror", None) or printable(
        str(error)
    )  # copies of many files have none
    return UnfreezeError(
        f"{printable(str(target))} cannot be written ({reason}); choose another place or make room."
    )


def _sync(folder: Path) -> None:
    """Let the names in a folder survive a loss of power, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
