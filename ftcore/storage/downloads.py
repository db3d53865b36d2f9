"""Downloads that resume after an interruption, verified at each use, and files read in ranges."""

import errno
import hashlib
import io
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import requests
from filelock import FileLock, Timeout
from urllib3.exceptions import HTTPError

from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.storage import files
from ftcore.validation import printable

log = logging.getLogger(__name__)

TIMEOUT = (10.0, 30.0)  # seconds to connect, and between two chunks
MAX_BYTES = 10_000_000_000  # limit for a file of unknown size
_CHUNK = 1 << 16  # bytes
_BLOCK = 1 << 20  # bytes per range request
_REPORT_EVERY = 0.2  # seconds
_USE_COPY = "give the path of a copy on this machine"


def fetch(url: str, target: Path, *, size: int | None = None, md5: str | None = None) -> Task[Path]:
    """Download `url` to `target` unless it is there, and return `target`. Raises UnfreezeError.

    A file that is not what was downloaded is downloaded again. An interrupted download leaves
    `<target>.part`, and the version of the file on the server (ETag or Last-Modified) in
    `<target>.part.tag`. The next call resumes it if the server still has that version.
    """
    with explain_errors(url, target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        # A generator may be closed by another thread than the one that started it.
        lock = FileLock(target.with_name(f".{target.name}.lock"), thread_local=False)
        while not lock.is_locked:
            try:
                lock.acquire(timeout=_REPORT_EVERY)
            except Timeout:  # another run or page downloads the same file
                yield Progress("waiting", 0, None)
        try:
            if not is_intact(target):
                yield from _download(url, target, size, md5)
        finally:
            lock.release()
    return target


def keep(part: Path, target: Path) -> None:
    """Give a complete download its name, after its checksum is written. Raises OSError."""
    files.write(_checksum_file(target), _md5(part).encode())
    part.replace(target)


def is_intact(target: Path) -> bool:
    """Whether a file is what was downloaded, as far as that is known: earlier versions kept no checksum.

    30 MB, the file of AG News, take 0.04 s. Raises OSError.
    """
    if not target.exists():
        return False
    checksum = _checksum_file(target)
    if not checksum.is_file() or checksum.read_bytes() == _md5(target).encode():
        return True
    log.warning("%s is not what was downloaded, and is downloaded again", target)
    return False


def _checksum_file(target: Path) -> Path:
    return target.with_name(f".{target.name}.md5")


def _md5(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _download(url: str, target: Path, size: int | None, md5: str | None) -> Task[None]:
    part = target.with_name(target.name + ".part")
    tag = target.with_name(target.name + ".part.tag")
    resumable = True
    try:
        with _open(url, part, tag) as response:
            version = _version(response)
            resumable = bool(version)
            tag.write_text(version)
            yield from _receive(response, url, part, size)
        _check(url, part, size, md5)
        keep(part, target)
        resumable = False
    except UnfreezeError:  # the content is wrong
        resumable = False
        raise
    finally:
        if not resumable:
            part.unlink(missing_ok=True)
            tag.unlink(missing_ok=True)


def _version(response: requests.Response) -> str:
    """Return what identifies the content, or ""; a weak ETag does not promise the same bytes."""
    etag = response.headers.get("ETag", "W/")
    return response.headers.get("Last-Modified", "") if etag.startswith("W/") else etag


def _receive(response: requests.Response, url: str, part: Path, size: int | None) -> Task[None]:
    """Write the body of a response to `part`, after the bytes that are there if it is partial."""
    resumed = response.status_code == requests.codes.partial_content
    done = part.stat().st_size if resumed else 0
    length = response.headers.get("Content-Length")
    total = done + int(length) if length else size
    yield Progress("downloading", done, total, "bytes")
    reported = time.monotonic()
    with part.open("ab" if resumed else "wb") as file:
        # Not decoded: some servers declare a .tar.gz as a compressed transfer.
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            file.write(chunk)
            done += len(chunk)
            if done > (MAX_BYTES if size is None else size):
                raise UnfreezeError(f"{url} sends far more than it should: {_USE_COPY} instead.")
            if time.monotonic() - reported > _REPORT_EVERY:
                reported = time.monotonic()
                yield Progress("downloading", done, total, "bytes")
    yield Progress("downloading", done, total, "bytes")


def _open(url: str, part: Path, tag: Path) -> requests.Response:
    """Request the rest of `part` (status 206), or the whole file if it cannot be resumed."""
    headers = {"Accept-Encoding": "identity"}
    version = tag.read_text() if tag.exists() and part.exists() else ""
    offset = part.stat().st_size if version else 0
    if offset:
        ranged = {**headers, "Range": f"bytes={offset}-", "If-Range": version}
        response = requests.get(url, headers=ranged, stream=True, timeout=TIMEOUT)
        partial = response.status_code == requests.codes.partial_content
        matches = response.headers.get("Content-Range", "").startswith(f"bytes {offset}-")
        if response.status_code == requests.codes.ok or (partial and matches):
            return response
        response.close()  # cannot be resumed: the file is shorter now, or there is an error
    response = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT)
    response.raise_for_status()
    return response


@contextmanager
def explain_errors(url: str, folder: Path) -> Iterator[None]:
    """Turn network and disk errors into an UnfreezeError."""
    try:
        yield
    except (OSError, HTTPError) as error:  # errors of requests are OSErrors
        raise UnfreezeError(_explanation(error, url, folder)) from error


def _explanation(error: Exception, url: str, folder: Path) -> str:
    host = urlsplit(url).netloc or url
    match error:
        case requests.HTTPError(response=requests.Response() as response):
            status = f"{response.status_code} {response.reason}".strip()
            return f"{url} answers {status}: {_USE_COPY} instead."
        case ValueError():  # the subclasses of RequestException for invalid URLs
            return f"{printable(url)!r} is not an address to download from: correct it."
        case requests.Timeout():
            return f"{host} does not answer: try again later, or {_USE_COPY}."
        case requests.ConnectionError():
            return f"No connection to {host}: check the network, or {_USE_COPY}."
        case requests.RequestException() | HTTPError() | ConnectionError() | TimeoutError():
            return f"The download from {host} was interrupted: start it again to resume it."
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return f"The disk is full at {folder}: free some space, then start again to resume."
    return f"{folder} cannot be written ({getattr(error, 'strerror', error)})."


def _check(url: str, part: Path, size: int | None, md5: str | None) -> None:
    """Raise UnfreezeError if a file does not have the published size and MD5."""
    actual_size = part.stat().st_size
    if size is not None and actual_size != size:
        raise UnfreezeError(f"{url} sent {actual_size:,} bytes, not {size:,}: download it again.")
    if md5 is not None and (actual := _md5(part)) != md5:
        raise UnfreezeError(f"{url} arrived damaged (MD5 {actual}, not {md5}): download it again.")


class RangesUnsupported(Exception):
    """The server only sends whole files."""


def open_remote(url: str) -> BinaryIO:
    """Return the file at `url`, seekable. Raises RangesUnsupported or a requests error."""
    return io.BufferedReader(_RemoteFile(url), _BLOCK)


class _RemoteFile(io.RawIOBase):
    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._position = 0
        with self._get(0, 1) as response:
            total = re.fullmatch(r"bytes 0-0/(\d+)", response.headers.get("Content-Range", ""))
        if not total:
            raise RangesUnsupported
        self._size = int(total[1])

    def _get(self, start: int, end: int) -> requests.Response:
        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        response = self._session.get(self._url, headers=headers, stream=True, timeout=TIMEOUT)
        response.raise_for_status()
        return response

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        with self._get(self._position, end) as response:
            if response.status_code != requests.codes.partial_content:
                raise RangesUnsupported
            data = response.content
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._session.close()
        super().close()
