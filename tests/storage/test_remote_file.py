"""A remote file is read like a local one, in parts."""

import io
import random

import pytest
import requests

from ftcore.storage.downloads import RangesUnsupported, open_remote
from tests.helpers.file_server import FileServer

CONTENT = random.Random(0).randbytes(3_000_000)


def test_remote_file_reads_like_a_local_file() -> None:
    with FileServer({"file": CONTENT}) as server, open_remote(f"{server.url}/file") as remote:
        local = io.BytesIO(CONTENT)
        for offset, whence, count in [(-100, 2, 200), (0, 0, 10), (5, 1, 2_000_000), (9, 0, 1)]:
            assert remote.seek(offset, whence) == local.seek(offset, whence)
            assert remote.read(count) == local.read(count)
            assert remote.tell() == local.tell()


def test_server_without_ranges_or_file_raises() -> None:
    with FileServer({"file": CONTENT}) as server:
        with pytest.raises(requests.HTTPError):
            open_remote(f"{server.url}/other")
        server.ranges = False
        with pytest.raises(RangesUnsupported):
            open_remote(f"{server.url}/file")
