"""A file on a web server, read in parts by HTTP range requests."""

import io
import re
from typing import BinaryIO

import requests

from ftcore.storage.downloads import TIMEOUT

_BLOCK = 1 << 20  # bytes per request


class RangesUnsupported(Exception):
    """The server only sends whole files."""


def open_remote(url: str) -> BinaryIO:
    """Return the file at `url`, seekable and read ahead in blocks.

    Raises RangesUnsupported, or requests.RequestException, also while it is read.
    """
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
