"""The storage of machines that share no folder: a folder or an S3 bucket, which `UNFREEZE_STORAGE` names.

It holds trees: a file or a folder, under a name. A file is stored by its content, so it is sent once, and
what arrives is compared with what was sent. A tree is there once its list is, which is written last.

    <name>/files.json     the list: SHA-256 and size of each file, by its path
    <name>/<SHA-256>      the content of a file
"""

import contextlib
import functools
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ftcore.errors import UnfreezeError, is_disk_full
from ftcore.events import Progress, Task
from ftcore.validation import printable

LIST = "files.json"
_CHUNK = 1 << 20  # bytes


class StorageUnavailable(UnfreezeError):
    """The storage does not answer, or refuses."""


class DamagedTree(UnfreezeError):
    """A file of a tree is gone, or is not what was stored."""


@dataclass(frozen=True)
class Tree:
    """SHA-256 and size of each file by its path, which begins with the name of the file or folder."""

    files: dict[str, tuple[str, int]]

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(size for _, size in self.files.values())

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.to_json()).hexdigest()

    def to_json(self) -> bytes:
        return json.dumps(self.files, sort_keys=True).encode()

    @classmethod
    def from_json(cls, content: bytes) -> "Tree":
        """Raises ValueError, TypeError or AttributeError if it is none."""
        listed = json.loads(content).items()
        tree = cls({str(path): (str(sha), int(size)) for path, (sha, size) in listed})
        if any(PurePosixPath(path).is_absolute() or ".." in path.split("/") for path in tree.files):
            raise ValueError("a path that leads elsewhere")
        return tree


def is_used() -> bool:
    return bool(os.environ.get("UNFREEZE_STORAGE"))


def files_of(path: Path) -> dict[str, Path]:
    """The files of a tree: that file, or those in that folder, without hidden ones."""
    if not path.is_dir():
        return {path.name: path}
    names = (each.relative_to(path).as_posix() for each in path.rglob("*") if each.is_file())
    shown = sorted(name for name in names if not any(p.startswith(".") for p in name.split("/")))
    return {f"{path.name}/{name}": path / name for name in shown}


def tree_of(path: Path) -> Tree:
    """Compute the tree of a file or folder. Raises OSError."""
    return Tree({name: _content(file) for name, file in files_of(path).items()})


def send(name: str, path: Path) -> Task[Tree]:
    """Store what the storage lacks of a file or folder; the tree is there once `commit` is called.

    Raises StorageUnavailable, OSError.
    """
    contents, tree = files_of(path), tree_of(path)
    total, done = tree.size, 0
    for key, file in contents.items():
        sha, size = tree.files[key]
        with _storage() as (system, root):
            stored = f"{root}/{name}/{sha}"
            if system.get_file_info(stored).size != size:
                with file.open("rb") as source, _new_file(system, stored) as target:
                    while chunk := source.read(_CHUNK):
                        target.write(chunk)
                        done += len(chunk)
                        yield Progress("uploading", done, total, "bytes")
    return tree


def commit(name: str, tree: Tree) -> None:
    """Write the list of a tree, and delete what only its earlier list named. Raises StorageUnavailable."""
    from pyarrow.fs import FileSelector

    write(f"{name}/{LIST}", tree.to_json())
    needed = {LIST, *(sha for sha, _ in tree.files.values())}
    with _storage() as (system, root):
        for each in system.get_file_info(FileSelector(f"{root}/{name}")):
            if each.base_name not in needed:
                with contextlib.suppress(FileNotFoundError):
                    system.delete_file(each.path)


def find(name: str) -> Tree | None:
    """Return a tree; None if there is none. Raises StorageUnavailable, DamagedTree."""
    content = read(f"{name}/{LIST}")
    try:
        return None if content is None else Tree.from_json(content)
    except (ValueError, TypeError, AttributeError):
        raise damaged(name, LIST) from None


def fetch(name: str, tree: Tree, folder: Path) -> Task[None]:
    """Write the files of a tree into a new folder. Raises DamagedTree, StorageUnavailable, OSError."""
    done = 0
    for key, (sha, size) in tree.files.items():
        file, digest = folder / key, hashlib.sha256()
        file.parent.mkdir(parents=True, exist_ok=True)
        with (
            _storage(missing=damaged(name, key)) as (system, root),
            system.open_input_stream(f"{root}/{name}/{sha}") as source,
            file.open("wb") as target,
        ):
            while chunk := source.read(_CHUNK):
                target.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                yield Progress("downloading", done, tree.size, "bytes")
            target.flush()
            os.fsync(target.fileno())
        if (file.stat().st_size, digest.hexdigest()) != (size, sha):
            raise damaged(name, key)


def read(name: str) -> bytes | None:
    """Return a small file; None if there is none. Raises StorageUnavailable."""
    with (
        contextlib.suppress(FileNotFoundError),
        _storage(missing=FileNotFoundError()) as (system, root),
        system.open_input_stream(f"{root}/{name}") as source,
    ):
        return bytes(source.read())
    return None


def write(name: str, content: bytes) -> None:
    """Write a small file, whole or not at all. Raises StorageUnavailable."""
    with _storage() as (system, root), _new_file(system, f"{root}/{name}") as target:
        target.write(content)


def names(folder: str) -> list[str]:
    """The names of what lies in a folder. Raises StorageUnavailable."""
    from pyarrow.fs import FileSelector

    with _storage() as (system, root):
        found = system.get_file_info(FileSelector(f"{root}/{folder}", allow_not_found=True))
    return sorted(each.base_name for each in found)


def delete(name: str) -> None:
    """Delete a tree or a small file, if there is one. Raises StorageUnavailable."""
    from pyarrow.fs import FileType

    missing = FileNotFoundError()
    with contextlib.suppress(FileNotFoundError), _storage(missing) as (system, root):
        path = f"{root}/{name}"
        if system.get_file_info(path).type == FileType.File:
            system.delete_file(path)
        else:
            system.delete_dir(path)


def damaged(name: str, key: str) -> DamagedTree:
    """What is raised for a file of a tree that is not what was stored."""
    return DamagedTree(
        f"{printable(key)} of {name} is missing in the storage, or is not what was stored: delete "
        f"{name} there, and let the machine that has it start or resume the run."
    )


@contextlib.contextmanager
def _storage(missing: Exception | None = None) -> Iterator[tuple[Any, str]]:
    """The file system and the folder in it that `UNFREEZE_STORAGE` names.

    What fails raises StorageUnavailable; what is not there `missing`, if given.
    """
    uri = os.environ.get("UNFREEZE_STORAGE", "")
    try:
        yield _open(uri)
    except ValueError as error:  # pyarrow's ArrowInvalid
        raise StorageUnavailable(
            f"UNFREEZE_STORAGE is {_shown(uri)!r}, which cannot be used ({printable(str(error))}): give "
            "an address such as file:///shared/unfreeze or s3://bucket/folder."
        ) from error
    except OSError as error:
        if is_disk_full(error):
            raise
        if missing and isinstance(error, FileNotFoundError):
            raise missing from error
        raise StorageUnavailable(
            f"The storage {_shown(uri)} cannot be used ({_reason(error)}): check UNFREEZE_STORAGE, the "
            "network and the right to write there."
        ) from error


@functools.lru_cache(maxsize=4)
def _open(uri: str) -> tuple[Any, str]:
    from pyarrow.fs import FileSystem

    system, root = FileSystem.from_uri(uri)
    if not root.strip("/"):
        raise ValueError("it names no folder or bucket")
    return system, root.rstrip("/")


@contextlib.contextmanager
def _new_file(system: Any, path: str) -> Iterator[Any]:
    """A file that appears once it is complete; an S3 bucket has no other."""
    if system.type_name != "local":
        with system.open_output_stream(path) as target:
            yield target
        return
    system.create_dir(path.rpartition("/")[0])
    temporary = f"{path}.{uuid.uuid4().hex}"
    try:
        with system.open_output_stream(temporary) as target:
            yield target
        system.move(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            system.delete_file(temporary)


def _content(file: Path) -> tuple[str, int]:
    state = file.stat()
    return _hashed(file, state.st_ino, state.st_mtime_ns, state.st_size), state.st_size


@functools.lru_cache(maxsize=4096)  # runs of an experiment have the same data
def _hashed(file: Path, inode: int, changed: int, size: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _shown(uri: str) -> str:
    """An address without user, password and options, which may be secret."""
    address, _, _ = uri.partition("?")
    scheme, mark, rest = address.partition("://")
    return printable(f"{scheme}{mark}{rest.rpartition('@')[2]}")


def _reason(error: OSError) -> str:
    """What is wrong, without the long details of the AWS library."""
    return printable(error.strerror or " ".join(str(error).partition("; Details")[0].split())[:200])
