"""Downloads from a real web server, with and without ranges, complete and interrupted."""

import hashlib
import os
import random
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from ftcore.errors import UnfreezeError
from ftcore.events import Event, Progress, drain
from ftcore.storage import downloads
from tests.helpers.file_server import FileServer

DATA = random.Random(0).randbytes(1_000_000)
MD5 = hashlib.md5(DATA).hexdigest()
TOO_MUCH = "sends far more than it should"


@pytest.fixture
def server():
    with FileServer({"file.bin": DATA}) as server:
        yield server


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new" / "file.bin"


def names(target: Path) -> list[str]:
    """Names of the files in the target's folder, without the lock and the checksum."""
    return sorted(path.name for path in target.parent.iterdir() if path.name[0] != ".")


def fetch(server: FileServer, target: Path, **checks: Any) -> list[Event]:
    """Download file.bin and return the events."""
    events: list[Event] = []
    drain(downloads.fetch(f"{server.url}/file.bin", target, **checks), events.append)
    return events


def interrupt(server: FileServer, target: Path, after: int = 300_000) -> None:
    server.breaks_after = after
    with pytest.raises(UnfreezeError, match="was interrupted: start it again to resume it"):
        fetch(server, target)
    server.breaks_after, server.sent = None, 0


def test_interrupted_download_is_resumed(server, target):
    interrupt(server, target)
    assert names(target) == ["file.bin.part", "file.bin.part.tag"]
    arrived = (target.parent / "file.bin.part").stat().st_size
    assert 0 < arrived <= 300_000
    with socket.socket() as taken:  # a port that is bound but does not listen
        taken.bind(("127.0.0.1", 0))
        dead_url = f"http://127.0.0.1:{taken.getsockname()[1]}/file.bin"
        with pytest.raises(UnfreezeError, match="No connection"):
            drain(downloads.fetch(dead_url, target))
    events = fetch(server, target, size=len(DATA), md5=MD5)
    assert target.read_bytes() == DATA
    assert server.sent == len(DATA) - arrived
    assert events[0] == Progress("downloading", arrived, len(DATA), "bytes")
    assert events[-1] == Progress("downloading", len(DATA), len(DATA), "bytes")
    assert names(target) == ["file.bin"]


@pytest.mark.parametrize(
    ("content", "etag", "ranges"),
    [(DATA, '"1"', False), (DATA[::-1], '"2"', True), (DATA[:1000], '"1"', True)],
    ids=["no ranges", "changed", "shorter"],
)
def test_download_that_cannot_be_resumed_restarts(server, target, content, etag, ranges):
    server.ranges = ranges
    interrupt(server, target)
    server.files["file.bin"], server.etag = content, etag
    fetch(server, target)
    assert target.read_bytes() == content
    assert server.sent == len(content)


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_part_without_a_version_is_deleted(server, target, etag):
    server.etag = etag
    interrupt(server, target)
    assert names(target) == []


def test_concurrent_download_waits_for_the_first(server, target):
    first, second = (downloads.fetch(f"{server.url}/file.bin", target) for _ in range(2))
    next(first)
    assert next(second) == Progress("waiting", 0, None)
    # A page may continue a task in another thread than the one that started it.
    thread = threading.Thread(target=drain, args=(first,))
    thread.start()
    drain(second)
    thread.join()
    assert target.read_bytes() == DATA
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        ({"md5": "0" * 32}, "damaged"),
        ({"size": 2_000_000}, "1,000,000 bytes, not 2,000,000"),
        ({"size": 5}, TOO_MUCH),
    ],
)
def test_wrong_size_or_checksum_is_deleted(server, target, checks, message):
    with pytest.raises(UnfreezeError, match=message):
        fetch(server, target, **checks)
    assert names(target) == []


def test_response_without_a_length_is_limited(server, target, monkeypatch):
    server.sends_length = False
    with monkeypatch.context() as patch:
        patch.setattr(downloads, "MAX_BYTES", 200_000)
        with pytest.raises(UnfreezeError, match=TOO_MUCH):
            fetch(server, target)
    assert names(target) == []
    assert fetch(server, target, md5=MD5)[0] == Progress("downloading", 0, None, "bytes")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("{server}/gone.bin", "404 Not Found: give the path of a copy"),
        ("no address", "is not an address to download from"),
        ("http://", "is not an address to download from"),
        ("ftp://127.0.0.1/file", "is not an address to download from"),
    ],
)
def test_wrong_url_is_reported(server, target, url, message):
    with pytest.raises(UnfreezeError, match=message):
        drain(downloads.fetch(url.format(server=server.url), target))
    assert names(target) == []


def test_timeout_is_reported(target, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file.bin"
        with pytest.raises(UnfreezeError, match="does not answer"):
            drain(downloads.fetch(url, target))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk_and_invalid_folder_are_reported(server, target):
    target.parent.mkdir()
    (target.parent / "file.bin.part").symlink_to("/dev/full")
    with pytest.raises(UnfreezeError, match=r"disk is full .* free some space"):
        fetch(server, target)
    target.write_text("not a folder")
    with pytest.raises(UnfreezeError, match="cannot be written"):
        fetch(server, target / "file.bin")


def test_file_that_is_not_what_was_downloaded_is_downloaded_again(server, target):
    fetch(server, target)
    target.write_bytes(DATA[:500] + b"x" + DATA[501:])
    fetch(server, target)
    assert target.read_bytes() == DATA
    server.sent = 0
    fetch(server, target)
    assert server.sent == 0


def test_file_of_an_earlier_version_has_no_checksum_and_is_kept(server, target):
    fetch(server, target)
    (target.parent / ".file.bin.md5").unlink()
    target.write_bytes(b"other")
    fetch(server, target)
    assert target.read_bytes() == b"other"
