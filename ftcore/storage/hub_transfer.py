"""The download of one file from the Hub, which is resumed after a break and checked.

huggingface_hub 2 starts an interrupted download anew, checks no checksum over HTTP, and waits as long as a
server asks it to, so it serves here as a client of HTTP only (docs/decisions.md).
"""

import hashlib
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from ftcore import __version__
from ftcore.errors import UnfreezeError
from ftcore.storage.hub_errors import is_unavailable, seconds_to_wait

if TYPE_CHECKING:
    from httpx2 import HTTPError, Response

REPORT_EVERY = 0.2  # seconds
MAX_WAIT = 30.0  # seconds; a server that asks for more is reported
RETRIES = 3  # in a row without _ENOUGH new bytes
FIRST_WAIT = 1.0  # seconds; doubled at each retry
_ENOUGH = 1 << 20  # bytes
_SHA256_DIGITS = 64


def download(url: str, part: Path, title: str, size: int, etag: str) -> Generator[int, None, None]:
    """Download the rest of `part`, and yield how many bytes are there five times a second.

    `etag` is the SHA-256 of the content, or Git's SHA-1 of it; `title` names the file in messages. Raises
    UnfreezeError and deletes the part if its content is wrong; raises OSError or httpx2.HTTPError and
    keeps the part if the download is interrupted.
    """
    from httpx2 import HTTPError

    part.parent.mkdir(parents=True, exist_ok=True)
    part.touch()
    failures, reached = 0, part.stat().st_size
    while (done := part.stat().st_size) < size:
        yield done
        try:
            yield from _receive(url, part, done, size)
            break  # the server has no more
        except HTTPError as error:
            if part.stat().st_size - reached >= _ENOUGH:
                failures, reached = 0, part.stat().st_size
            failures += 1
            until = time.monotonic() + _wait(error, failures)
            while time.monotonic() < until:
                time.sleep(min(REPORT_EVERY, FIRST_WAIT))
                yield part.stat().st_size
    try:
        _check(part, title, size, etag)
    except UnfreezeError:
        part.unlink()
        raise


def _receive(url: str, part: Path, offset: int, size: int) -> Generator[int, None, None]:
    """Append the rest of the file to `part`, or write all of it if the server ignores the range."""
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers, get_session

    headers = build_hf_headers(library_name="unfreeze", library_version=__version__)
    headers |= {"Accept-Encoding": "identity"}  # not compressed, so that bytes are counted
    if offset:
        headers |= {"Range": f"bytes={offset}-"}
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream("GET", url, headers=headers, timeout=timeout) as response:
        if response.status_code == 416:  # its file ends where the part does
            return
        _raise_for_status(response)
        resumed = response.status_code == 206
        done = offset if resumed else 0
        reported = time.monotonic()
        with part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_raw():
                file.write(chunk)
                done += len(chunk)
                if done > size:
                    return
                if time.monotonic() - reported > REPORT_EVERY:
                    reported = time.monotonic()
                    yield done


def _raise_for_status(response: "Response") -> None:
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import hf_raise_for_status

    try:
        hf_raise_for_status(response)
    except (AttributeError, TypeError, ValueError):  # it reads the page of an error as JSON
        raise HfHubHTTPError("", response=response) from None


def _wait(error: "HTTPError", failures: int) -> float:
    """Return how many seconds to wait before the next attempt, or raise the error."""
    asked = seconds_to_wait(error)
    if failures > RETRIES or asked > MAX_WAIT or not is_unavailable(error):
        raise error
    return asked or FIRST_WAIT * 2 ** (failures - 1)


def _check(part: Path, title: str, size: int, etag: str) -> None:
    """Raise UnfreezeError if a file does not have the published size and checksum."""
    actual_size = part.stat().st_size
    if actual_size != size:
        raise UnfreezeError(
            f"{title} arrived with {actual_size:,} bytes, not {size:,}: download it again."
        )
    digest = hashlib.sha256()
    if len(etag) != _SHA256_DIGITS:  # Git's checksum of a blob
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with part.open("r+b") as file:
        os.fsync(file.fileno())  # what is checked must survive a power cut
        hashlib.file_digest(file, lambda: digest)
    if (actual := digest.hexdigest()) != etag:
        raise UnfreezeError(
            f"{title} arrived damaged (checksum {actual[:12]}, not {etag[:12]}): download it again."
        )
