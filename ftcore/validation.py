"""Checks of paths and files that users bring, before and after they are parsed."""

import difflib
import errno
import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ftcore.errors import UnfreezeError

_MOST_NAMES = 20  # in a message
_MAX_JSON = 200_000_000  # bytes; a vocabulary of two million words has a quarter of it


def existing_path(path: str) -> Path:
    """Return the path of a file or folder. Raises UnfreezeError if it cannot be opened."""
    if path.lower().startswith(("http://", "https://")):
        raise UnfreezeError(
            f"{printable(path)} is an address: download it and give the file's path."
        )
    try:
        expanded = expand_home(path)
        expanded.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        fault = "is not there: correct the path, or bring it back"  # as before a resume
        if isinstance(error, OSError) and error.errno not in (errno.ENOENT, errno.ENOTDIR):
            fault = f"cannot be opened ({error.strerror}): correct the path"
        raise UnfreezeError(f"{printable(path)} {fault}.") from None
    refuse_special_files(expanded)
    return expanded


def expand_home(path: str) -> Path:
    """Expand `~` and `~user` at the start of a path, if there is such a user."""
    return Path(os.path.expanduser(path))  # Path.expanduser raises an error if there is none


def is_folder(path: str) -> bool:
    """Whether a path, which may be anything, is a folder."""
    try:
        return expand_home(path).is_dir()
    except (OSError, ValueError):  # too long, or a NUL in it
        return False


def printable(text: str) -> str:
    """Return at most 200 characters of user input, without control characters, for a message."""
    start = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:200]
    )
    return f"{start}…" if len(text) > 200 else start


def choose_from(name: str, names: Sequence[str]) -> str:
    """Return the end of a message about an unknown name: the most similar one, and the first 20."""
    similar = difflib.get_close_matches(name, names, 1)
    choose = f"did you mean {similar[0]}? Choose" if similar else "choose"
    rest = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"{choose} one of {', '.join(names[:_MOST_NAMES])}{rest}."


def refuse_special_files(*paths: Path) -> None:
    """Raise UnfreezeError for pipes and devices, as opening or reading them may never end."""
    for path in paths:
        name = printable(str(path))
        try:
            special = path.exists() and not (path.is_file() or path.is_dir())
        except OSError as error:
            raise UnfreezeError(f"{name} cannot be opened ({error.strerror}).") from None
        if special:
            raise UnfreezeError(f"{name} is neither a file nor a folder: correct the path.")


def is_zip_bomb(path: Path) -> bool:
    """Whether a zip archive unpacks to more than twice its size.

    torch.save does not compress, so no genuine file of weights does. Raises OSError and BadZipFile.
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\3\4":
            return False
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    return unpacked > 2 * path.stat().st_size


def check_zip_checksums(path: Path) -> None:
    """Raise BadZipFile if a member of a zip archive is damaged; torch does not verify checksums."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(damaged)


def read_json(file: Path) -> Any:
    """Parse a JSON file. Raises OSError if it cannot be read, ValueError for any other defect."""
    if not file.is_file():  # reading a pipe would never end
        raise FileNotFoundError(errno.ENOENT, "no file", str(file))
    if file.stat().st_size > _MAX_JSON:
        raise ValueError("too large")
    try:
        content = json.loads(file.read_text("utf-8"))
        # JSON can spell half of a surrogate pair, which cannot be displayed.
        json.dumps(content, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("too deep") from None
    return content


def check_field_types(record: Any) -> None:
    """Raise TypeError if a field of a dataclass does not have its annotated type."""
    for name, expected in get_type_hints(type(record)).items():
        if not has_type(getattr(record, name), expected):
            raise TypeError(f"{name} is of another type")


def has_type(value: Any, expected: Any) -> bool:
    """Whether a value is of a type such as `dict[str, float]`; integers are bounded to 64 bits."""
    origin, args = get_origin(expected), get_args(expected)
    if expected is Any:
        return True
    if origin is UnionType:
        return any(has_type(value, option) for option in args)
    if origin is Literal:
        return value in args
    if origin is dict:
        return isinstance(value, dict) and all(
            has_type(key, args[0]) and has_type(item, args[1]) for key, item in value.items()
        )
    if origin in (list, tuple):
        return isinstance(value, origin) and all(has_type(item, args[0]) for item in value)
    if expected in (int, float):
        is_int = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
        return is_int or (expected is float and isinstance(value, float))
    return value is None if expected is type(None) else isinstance(value, expected)
