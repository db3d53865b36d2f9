"""Downloads from a real web server, with and without ranges, complete and interrupted."""

import hashlib
import os
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftcore.errors import UnfreezeError
from ftcore.events import Event, Progress, drain
from ftcore.storage import downloads
from tests.helpers.file_server import FileServer

DATA = random.Random(0).randbytes(1_000_000)
MD5 = hashlib.md5(DATA).hexdigest()
INTERRUPTED = "was interrupted: start it again to resume it"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"file.bin": DATA}) as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "file.bin"


def names(target: Path) -> list[str]:
    """Names of the files in the target's folder, without the lock."""
    return sorted(path.name for path in target.parent.iterdir() if path.suffix != ".lock")


def interrupt(server: FileServer, target: Path, after: int = 300_000) -> None:
    server.breaks_after = after
    with pytest.raises(UnfreezeError, match=INTERRUPTED):
        drain(downloads.fetch(f"{server.url}/file.bin", target))
    server.breaks_after, server.sent = None, 0


def test_fetch_verifies_and_reports_progress(server: FileServer, target: Path) -> None:
    events: list[Event] = []
    task = downloads.fetch(f"{server.url}/file.bin", target, size=len(DATA), md5=MD5)
    assert drain(task, events.append) == target
    assert target.read_bytes() == DATA
    assert names(target) == ["file.bin"]
    assert events[0] == Progress("downloading", 0, len(DATA), "bytes")
    assert events[-1] == Progress("downloading", len(DATA), len(DATA), "bytes")


def test_existing_file_is_not_downloaded_again(server: FileServer, target: Path) -> None:
    for _ in range(2):
        drain(downloads.fetch(f"{server.url}/file.bin", target))
    assert len(server.requests) == 1


def test_interrupted_download_is_resumed(server: FileServer, target: Path) -> None:
    interrupt(server, target)
    assert names(target) == ["file.bin.part", "file.bin.part.tag"]
    arrived = (target.parent / "file.bin.part").stat().st_size
    assert 0 < arrived <= 300_000
    events: list[Event] = []
    drain(downloads.fetch(f"{server.url}/file.bin", target, md5=MD5), events.append)
    assert target.read_bytes() == DATA
    assert server.sent == len(DATA) - arrived
    assert events[0] == Progress("downloading", arrived, len(DATA), "bytes")
    assert names(target) == ["file.bin"]


def test_server_without_ranges_restarts(server: FileServer, target: Path) -> None:
    server.ranges = False
    interrupt(server, target)
    drain(downloads.fetch(f"{server.url}/file.bin", target, md5=MD5))
    assert server.sent == len(DATA)


def test_changed_file_restarts(server: FileServer, target: Path) -> None:
    interrupt(server, target)
    server.files["file.bin"], server.etag = DATA[::-1], '"2"'
    drain(downloads.fetch(f"{server.url}/file.bin", target))
    assert target.read_bytes() == DATA[::-1]


def test_shorter_file_with_the_same_tag_restarts(server: FileServer, target: Path) -> None:
    interrupt(server, target)
    server.files["file.bin"] = DATA[:1000]
    drain(downloads.fetch(f"{server.url}/file.bin", target))
    assert target.read_bytes() == DATA[:1000]


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_part_without_a_version_is_deleted(server: FileServer, target: Path, etag: str) -> None:
    server.etag = etag
    interrupt(server, target)
    assert names(target) == []


def test_part_survives_a_lost_network(server: FileServer, target: Path, dead_url: str) -> None:
    interrupt(server, target)
    with pytest.raises(UnfreezeError, match="No connection"):
        drain(downloads.fetch(f"{dead_url}/file.bin", target))
    drain(downloads.fetch(f"{server.url}/file.bin", target, md5=MD5))
    assert server.sent < len(DATA)


def test_cancelled_download_can_be_resumed(server: FileServer, target: Path) -> None:
    task = downloads.fetch(f"{server.url}/file.bin", target)
    next(task)
    task.close()
    assert not target.exists()
    drain(downloads.fetch(f"{server.url}/file.bin", target, md5=MD5))
    assert names(target) == ["file.bin"]


def test_response_without_a_length(server: FileServer, target: Path) -> None:
    server.sends_length = False
    events: list[Event] = []
    drain(downloads.fetch(f"{server.url}/file.bin", target, md5=MD5), events.append)
    assert events[0] == Progress("downloading", 0, None, "bytes")


def test_concurrent_download_waits_for_the_first(server: FileServer, target: Path) -> None:
    first = downloads.fetch(f"{server.url}/file.bin", target)
    next(first)
    second = downloads.fetch(f"{server.url}/file.bin", target)
    assert next(second) == Progress("waiting", 0, None)
    # A page may continue a task in another thread than the one that started it.
    thread = threading.Thread(target=drain, args=(first,))
    thread.start()
    drain(second)
    thread.join()
    assert target.read_bytes() == DATA
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ({"md5": "0" * 32}, "damaged"),
        ({"size": 2_000_000}, "1,000,000 bytes instead of 2,000,000"),
        ({"size": 5}, "sends far more than it should"),
    ],
)
def test_wrong_size_or_checksum_is_deleted(
    server: FileServer, target: Path, check: dict[str, object], message: str
) -> None:
    with pytest.raises(UnfreezeError, match=message):
        drain(downloads.fetch(f"{server.url}/file.bin", target, **check))  # type: ignore[arg-type]
    assert names(target) == []


def test_endless_response_does_not_fill_the_disk(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MAX_BYTES", 200_000)
    server.sends_length = False
    with pytest.raises(UnfreezeError, match="sends far more than it should"):
        drain(downloads.fetch(f"{server.url}/file.bin", target))
    assert names(target) == []


def test_http_error_is_reported(server: FileServer, target: Path) -> None:
    with pytest.raises(UnfreezeError, match="404 Not Found: give the path of a copy"):
        drain(downloads.fetch(f"{server.url}/gone.bin", target))
    assert names(target) == []


@pytest.fixture
def dead_url() -> Iterator[str]:
    """The address of a port that is bound but does not listen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("url", ["no address", "http://", "ftp://127.0.0.1/file"])
def test_invalid_url_is_reported(target: Path, url: str) -> None:
    with pytest.raises(UnfreezeError, match="is not an address to download from"):
        drain(downloads.fetch(url, target))


def test_timeout_is_reported(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "TIMEOUT", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file.bin"
        with pytest.raises(UnfreezeError, match="does not answer"):
            drain(downloads.fetch(url, target))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk_is_reported(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    (target.parent / "file.bin.part").symlink_to("/dev/full")
    with pytest.raises(UnfreezeError, match=r"disk is full .* free some space"):
        drain(downloads.fetch(f"{server.url}/file.bin", target))
    assert not target.exists()


def test_invalid_folder_is_reported(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UnfreezeError, match="cannot be written"):
        drain(downloads.fetch(f"{server.url}/file.bin", tmp_path / "file" / "file.bin"))
