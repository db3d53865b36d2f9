"""What is asked of a file that somebody brings before it is opened, and of what it says."""

import errno
import json
import zipfile
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ftcore.errors import UnfreezeError

_LARGEST_JSON = 200_000_000  # bytes; a vocabulary of two million words has a quarter of it


def existing_path(path: str) -> Path:
    """The file or folder that somebody named. Raises UnfreezeError where there is none that can be opened."""
    if path.lower().startswith(("http://", "https://")):
        raise UnfreezeError(
            f"{printable(path)} is an address: download it and give the file's path, or leave it empty."
        )
    try:
        found = expand_home(path)
        found.stat()
    except (OSError, ValueError) as error:  # such as a NUL in it
        reason = "is not there"
        if isinstance(error, OSError) and error.errno not in (errno.ENOENT, errno.ENOTDIR):
            reason = f"cannot be opened ({error.strerror})"
        raise UnfreezeError(
            f"{printable(path)} {reason}: correct the path, or leave it empty."
        ) from None
    refuse_special_files(found)
    return found


def expand_home(path: str) -> Path:
    """The path that somebody typed, from whose home it is, where that is known."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def printable(words: str) -> str:
    """What somebody typed, short enough for a sentence and without what would garble it."""
    start = "".join(
        one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in words[:200]
    )
    return start + "…" * (len(words) > 200)


def refuse_special_files(*paths: Path) -> None:
    """Raise UnfreezeError for a pipe or a device: opening it might never end, nor reading it."""
    for path in paths:
        try:
            strange = path.exists() and not (path.is_file() or path.is_dir())
        except OSError as error:
            raise UnfreezeError(
                f"{printable(str(path))} cannot be opened ({error.strerror}): correct the path."
            ) from None
        if strange:
            raise UnfreezeError(f"{path} is neither a file nor a folder: correct the path.")


def is_zip_bomb(path: Path) -> bool:
    """Whether a zip archive unpacks to far more than its size, to fill the memory.

    torch.save compresses nothing, so no honest file of weights does. Raises OSError and BadZipFile.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\3\4":
            return False
        with zipfile.ZipFile(file) as members:
            unpacked = sum(member.file_size for member in members.infolist())
    return unpacked > 2 * path.stat().st_size


def check_zip_checksums(path: Path) -> None:
    """Raise BadZipFile where a zip archive has a member with another checksum: torch does not look."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as members:
            if bad := members.testzip():
                raise zipfile.BadZipFile(bad)


def read_json(file: Path) -> Any:
    """What a JSON file says. Raises OSError, or ValueError for whatever else is wrong with it."""
    if not file.is_file():  # a pipe would never end
        raise FileNotFoundError(errno.ENOENT, "no file", str(file))
    if file.stat().st_size > _LARGEST_JSON:
        raise ValueError("too large")
    try:
        found = json.loads(file.read_text("utf-8"))
        # Half of a character, which JSON can spell, can be shown nowhere.
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("too deep") from None
    return found


def check_field_types(record: Any) -> None:
    """Raise TypeError where a field of a dataclass holds something else than it is annotated with."""
    for name, kind in get_type_hints(type(record)).items():
        if not has_type(getattr(record, name), kind):
            raise TypeError(f"{name} is of another type")


def has_type(value: Any, kind: Any) -> bool:
    """Whether a value is of a type such as `dict[str, float]`; a number may be as large as a float."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if origin is UnionType:
        return any(has_type(value, one) for one in args)
    if origin is Literal:
        return value in args
    if origin is dict:
        return isinstance(value, dict) and all(
            has_type(key, args[0]) and has_type(one, args[1]) for key, one in value.items()
        )
    if origin in (list, tuple):
        return isinstance(value, origin) and all(has_type(one, args[0]) for one in value)
    if kind in (int, float):
        whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
        return whole or (kind is float and isinstance(value, float))
    return value is None if kind is type(None) else isinstance(value, kind)
