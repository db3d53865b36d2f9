"""Unpacks what an import reads of a zip that may be a stranger's.

Only files of known names are written. Weights are safetensors, everything else is text or numbers; no file of
it can run code.
"""

import lzma
import re
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ftcore import validation
from ftcore.diagnostics.results import ARRAYS
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.exchange.package import contents

_MAX_RATIO, _SLACK = 100, 1_000_000  # of unpacked to packed bytes, and what is allowed on top
_MAX_TEXT = 200_000_000  # bytes of a file that is no tensors
_MAX_ARRAYS = 1_000_000_000  # bytes of the arrays in a file of diagnostics
_MAX_MEMBERS = 1_000
_RUNS_CODE = {".bin", ".ckpt", ".dill", ".joblib", ".pickle", ".pkl", ".pt", ".pth"}
_BLOCK = 1 << 20


def unpack(archive: Path, folder: Path) -> Task[None]:
    """Write the files that an import reads into a folder. Raises UnfreezeError."""
    name = validation.printable(archive.name)
    damaged = UnfreezeError(f"{name} is no zip, is damaged, or is cut short: fetch it again.")
    try:
        with zipfile.ZipFile(archive) as content:
            members = _wanted(name, content)
            total, done = sum(member.file_size for member in members.values()), 0
            if total > shutil.disk_usage(folder).free:
                raise UnfreezeError(f"{name} does not fit on this disk: free some space.")
            for path, member in members.items():
                target = folder / path
                target.parent.mkdir(exist_ok=True)
                with content.open(member) as source, target.open("xb") as out:
                    while block := source.read(_BLOCK):
                        out.write(block)
                        done += len(block)
                        yield Progress("reading", done, total, "bytes")
        _check_arrays(name, folder)
    except OSError as error:
        if error.strerror is None:
            raise damaged from error
        raise UnfreezeError(f"{name} cannot be read ({error.strerror}).") from error
    except RuntimeError as error:  # of zipfile; NotImplementedError is one
        raise UnfreezeError(
            f"{name} is encrypted or compressed in a way that is not read: unpack it, and zip it again."
        ) from error
    except (EOFError, ValueError, lzma.LZMAError, zipfile.BadZipFile, zlib.error) as error:
        raise damaged from error


def _wanted(name: str, content: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members to read, by their path in the package. Raises UnfreezeError for a malicious zip."""
    members = content.infolist()
    if len(members) > _MAX_MEMBERS:
        raise UnfreezeError(f"{name} has {len(members):,} files: it is no package of Unfreeze.")
    for member in members:
        _check_member(name, member)
    roots = [path.parent for path in map(_path, members) if path.name == contents.MANIFEST]
    if not roots:
        raise UnfreezeError(
            f"{name} is no package of Unfreeze: give one that `export --format zip` wrote."
        )
    root = min(roots, key=lambda path: len(path.parts))
    inside = {
        _path(member).relative_to(root).as_posix(): member
        for member in members
        if _path(member).is_relative_to(root)
    }
    wanted = {path: inside[path] for path in sorted(contents.READ & inside.keys())}
    for path, member in wanted.items():
        size = member.file_size
        too_large = path not in contents.TENSORS and size > _MAX_TEXT
        if too_large or size > _MAX_RATIO * member.compress_size + _SLACK:
            raise UnfreezeError(f"{name} unpacks to far more than a model: {path} is no such file.")
    return wanted


def _path(member: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(member.filename.replace("\\", "/"))


def _check_member(name: str, member: zipfile.ZipInfo) -> None:
    path, shown = _path(member), validation.printable(member.filename[:80])
    kind = stat.S_IFMT(member.external_attr >> 16)  # 0 if made on Windows
    is_plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
    has_drive = re.match("[A-Za-z]:", member.filename)
    if path.is_absolute() or ".." in path.parts or has_drive or not is_plain:
        raise UnfreezeError(
            f"{name} holds {shown!r}, which leads out of it: no package of Unfreeze does; do not use it."
        )
    if path.suffix.lower() in _RUNS_CODE:
        raise UnfreezeError(
            f"{name} holds {shown!r}, which may run code when it is opened: no package of Unfreeze does; do "
            "not use it."
        )


def _check_arrays(name: str, folder: Path) -> None:
    """Refuse diagnostics that unpack, once more, to far more than answers."""
    arrays = folder / contents.RUN / ARRAYS
    if arrays.exists():
        with zipfile.ZipFile(arrays) as content:
            if sum(member.file_size for member in content.infolist()) > _MAX_ARRAYS:
                raise UnfreezeError(f"{name} unpacks to far more than a model: {arrays.name}.")
