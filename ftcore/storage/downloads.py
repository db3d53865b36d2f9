"""Files from their publishers: resumed where they broke off, checked, and whole or not there at all."""

import errno
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import requests
from filelock import FileLock, Timeout
from urllib3.exceptions import HTTPError

from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.validation import printable

TIMEOUT = (10.0, 30.0)  # seconds to connect, and between two pieces
MAX_BYTES = 10_000_000_000  # bytes of a file whose size nobody has said
_PIECE = 1 << 16  # bytes read at once
_TICK = 0.2  # seconds between two reports

_NO_ADDRESS = (
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
)


def fetch(url: str, target: Path, *, size: int | None = None, md5: str | None = None) -> Task[Path]:
    """Download `url` to `target` unless it is there, and return `target`.

    What has arrived waits in `<target>.part`, and what names its version in `<target>.part.tag`;
    the next call goes on from there if the server still has that version. Raises UnfreezeError.
    """
    with explain_errors(url, target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        # Whoever closes a generator may be another thread than the one that ran it.
        lock = FileLock(target.with_name(f".{target.name}.lock"), thread_local=False)
        while True:
            try:
                lock.acquire(timeout=_TICK)
                break
            except Timeout:  # another run or page is at it
                yield Progress("waiting", 0, None)
        try:
            if not target.exists():
                yield from _fetch(url, target, size, md5)
        finally:
            lock.release()
    return target


def _fetch(url: str, target: Path, size: int | None, md5: str | None) -> Task[None]:
    part = target.with_name(target.name + ".part")
    tag = target.with_name(target.name + ".part.tag")
    keep = True
    try:
        with _open(url, part, tag) as response:
            resumed = response.status_code == requests.codes.partial_content
            # A weak ETag promises the same meaning, not the same bytes: no range can rest on it.
            version = response.headers.get("ETag", "W/")
            if version.startswith("W/"):
                version = response.headers.get("Last-Modified", "")
            keep = bool(version)
            done = part.stat().st_size if resumed else 0
            length = response.headers.get("Content-Length")
            total = done + int(length) if length else size
            with part.open("ab" if resumed else "wb") as file:
                tag.write_text(version)
                yield Progress("downloading", done, total, "bytes")
                reported = time.monotonic()
                # As sent: servers that call a .tar.gz a compressed transfer would have it unpacked.
                for piece in response.raw.stream(_PIECE, decode_content=False):
                    file.write(piece)
                    done += len(piece)
                    if done > (MAX_BYTES if size is None else size):
                        keep = False
                        raise UnfreezeError(
                            f"{url} sends far more than it should and was thrown away: "
                            "give the path of a copy on this machine instead."
                        )
                    if time.monotonic() - reported > _TICK:
                        reported = time.monotonic()
                        yield Progress("downloading", done, total, "bytes")
        yield Progress("downloading", done, total, "bytes")
        keep = False
        _check(url, part, size, md5)
        part.replace(target)
    finally:
        if not keep:  # done, damaged, or of no version that could be asked for again
            part.unlink(missing_ok=True)
            tag.unlink(missing_ok=True)


def _open(url: str, part: Path, tag: Path) -> requests.Response:
    """The answer that holds the rest of `part` (206), or the whole file where that cannot be."""
    headers = {"Accept-Encoding": "identity"}
    version = tag.read_text() if tag.exists() and part.exists() else ""
    offset = part.stat().st_size if version else 0
    if offset:
        ranged = {**headers, "Range": f"bytes={offset}-", "If-Range": version}
        response = requests.get(url, headers=ranged, stream=True, timeout=TIMEOUT)
        whole = response.status_code == requests.codes.ok
        rest = response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
        if whole or (response.status_code == requests.codes.partial_content and rest):
            return response
        response.close()  # nothing to go on with: the file is shorter now, or there is an error
    response = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT)
    response.raise_for_status()
    return response


@contextmanager
def explain_errors(url: str, folder: Path) -> Iterator[None]:
    """Turn what goes wrong on the way into a sentence with the way out."""
    host = urlsplit(url).netloc or url
    try:
        yield
    except requests.HTTPError as error:
        assert error.response is not None  # raise_for_status gives it
        status = f"{error.response.status_code} {error.response.reason}".strip()
        raise UnfreezeError(
            f"{url} answers {status}: give the path of a copy on this machine instead."
        ) from error
    except _NO_ADDRESS as error:
        raise UnfreezeError(
            f"{printable(url)!r} is no address to download from: correct it."
        ) from error
    except requests.Timeout as error:
        raise UnfreezeError(
            f"{host} does not answer: try again later, or give the path of a copy on this machine."
        ) from error
    except requests.ConnectionError as error:
        raise UnfreezeError(
            f"No connection to {host}: check the network, "
            "or give the path of a copy on this machine."
        ) from error
    except (requests.RequestException, HTTPError, ConnectionError, TimeoutError) as error:
        raise UnfreezeError(
            f"The download from {host} broke off: start it again and it goes on from there."
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise UnfreezeError(f"{folder} cannot be written ({error.strerror}).") from error
        raise UnfreezeError(
            f"The disk is full at {folder}: free some space and start again, "
            "the download goes on from there."
        ) from error


def _check(url: str, part: Path, size: int | None, md5: str | None) -> None:
    """Raise UnfreezeError where the file is not what its publisher says."""
    sent = part.stat().st_size
    if size is not None and sent != size:
        raise UnfreezeError(
            f"{url} sent {sent:,} bytes instead of {size:,} and was thrown away: download it again."
        )
    if md5 is None:
        return
    with part.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != md5:
        raise UnfreezeError(
            f"{url} arrived damaged (checksum {found}, not {md5}) and was thrown away: "
            "download it again."
        )
