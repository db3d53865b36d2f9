"""The two JavaScript packages that a page runs on: fetched once by npm, at a pinned version and hash."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.storage import cache, files, scratch
from ftcore.validation import printable

_POLL_SECONDS = 0.2
_TIMEOUT_SECONDS = 900


@dataclass(frozen=True)
class Package:
    """A package of the npm registry, and those of its files that a page needs."""

    name: str
    version: str
    sha512: str
    """Of its tarball, base64, as `npm view NAME@VERSION dist.integrity` gives it."""
    members: tuple[str, ...]


RUNTIME = Package(
    "onnxruntime-web",
    "1.30.0",
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
    ("dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm"),
)
"""Computes the model. MIT, Microsoft."""
TOKENIZERS = Package(
    "@huggingface/tokenizers",
    "0.2.0",
    "LidMHe1FpcSYH4vcSjXooda34pC0M8m1gmDOv7SQi6Iv+ib1zX7J3sHBCC9/3FPCkn2k1b55FneVqMRxrr99pg==",
    ("dist/tokenizers.min.mjs",),
)
"""Cuts texts into the pieces of an encoder. Apache-2.0, Hugging Face."""


def fetch(package: Package) -> Task[list[bytes]]:
    """Return the files of a package, from the cache or by npm, in the order of `members`.

    Raises UnfreezeError.
    """
    folder = paths.cache_dir() / f"{package.name.replace('/', '-').lstrip('@')}-{package.version}"
    if not folder.is_dir():
        with scratch.temporary() as temporary:
            tarball = yield from _pack(package, temporary)
            contents = _members(package, tarball)
        with files.new_folder(folder) as staging:
            for name, content in contents.items():
                files.write(staging / Path(name).name, content)
    cache.touch(folder)
    return [(folder / Path(name).name).read_bytes() for name in package.members]


def _pack(package: Package, folder: Path) -> Task[bytes]:
    """Return the tarball of a package, which npm writes to an empty folder."""
    npm = shutil.which("npm")
    if npm is None:
        raise UnfreezeError(
            f"The page runs on {package.name} {package.version}, which npm fetches once: install Node.js "
            "with npm, and export again."
        )
    command = [npm, "pack", f"{package.name}@{package.version}", "--ignore-scripts", "--silent"]
    log = folder / "npm.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
        yield from _wait(process)
    tarballs = list(folder.glob("*.tgz"))
    if process.returncode or len(tarballs) != 1:
        lines = log.read_text("utf-8", "replace").split("\n")
        reason = next((line for line in lines if line.strip()), "no reason given")
        raise UnfreezeError(
            f"npm could not fetch {package.name} {package.version} ({printable(reason.strip())[:200]}): "
            "check the network and npm's settings, and export again."
        )
    return tarballs[0].read_bytes()


def _wait(process: subprocess.Popen[bytes]) -> Generator[Progress, None, None]:
    """Wait for npm; end it if the task is closed, or after 15 minutes."""
    try:
        for poll in range(round(_TIMEOUT_SECONDS / _POLL_SECONDS)):
            yield Progress("downloading", poll * _POLL_SECONDS, None, "seconds")
            try:
                process.wait(_POLL_SECONDS)
                return
            except subprocess.TimeoutExpired:
                continue
    finally:
        process.kill()
        process.wait()


def _members(package: Package, tarball: bytes) -> dict[str, bytes]:
    """The needed files of a tarball. Raises UnfreezeError if it is not the one that was pinned."""
    if base64.b64encode(hashlib.sha512(tarball).digest()).decode() != package.sha512:
        raise UnfreezeError(
            f"npm brought another {package.name} {package.version} than the one that this version of "
            "Unfreeze was tested with: check which registry npm uses."
        )
    with tempfile.SpooledTemporaryFile() as file:
        file.write(tarball)
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:gz") as archive:
            return {
                name: reader.read()
                for name in package.members
                if (reader := archive.extractfile(f"package/{name}")) is not None
            }
