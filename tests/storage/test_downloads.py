"""Downloads against a real web server, with and without ranges, whole and broken."""

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
    """What lies beside the target, without its lock."""
    return sorted(path.name for path in target.parent.iterdir() if path.suffix != ".lock")


def break_off(server: FileServer, target: Path, after: int = 300_000) -> None:
    server.breaks_after = after
    with pytest.raises(UnfreezeError, match=INTERRUPTED):
        drain(downloads.fetch(f"{server.url}/file.bin", target))
    server.breaks_after, server.sent = None, 0


def test_fetches_checks_and_reports(server: FileServer, target: Path) -> None:
    events: list[Event] = []
    task = downloads.fetch(f"{server.url}/file.bin", target, size=len(DATA), md5=MD5)
    assert drain(task, events.append) == target
    assert target.read_bytes() == DATA
    assert names(target) == ["file.bin"]
    assert events[0] == Progress("downloading", 0, len(DATA), "bytes")
    assert events[-1] == Progress("downloading", len(DATA), len(DATA), "bytes")


def test_does_not_fetch_twice(server: FileServer, target: Path) -> None:
    for _ in range(2):
        drain(downloads.fetch(f"{server.url}/file.bin", target))
    assert len(server.requests) == 1


def test_goes_on_where_it_broke_off(server: FileServer, target: Path) -> None:
    break_off(server, target)
    assert names(target) == ["file.bin.part", "file.bin.part.tag"]
    arrived = (target.parent / "file.bin.part").stat().st_size
    assert 0 < arrived <= 300_000
    events: list[Event] = []
    drain(downloads.fetch(f"{server.url}/file.bin", target, md5=MD5), events.append)
    assert target.read_bytes() == DATA
    assert server.sent == len(DATA) - arrived
    assert events[0] == Progress("downloading", arrived, len(DATA), "bytes")
    assert names(target) == ["file.bin"]


def test_starts_anew_where_the_server_has_no_ranges(server: FileServer, target: Path) -> None:
    server.ranges = False
    break_off(server, target)
    drain(downloads.fetch(f"{server.url}/file.bin", target, md5=MD5))
    assert server.sent == len(DATA)


def test_starts_anew_when_the_file_changed_meanwhile(server: FileServer, target: Path) -> None:
    break_off(server, target)
    server.files["file.bin"], server.etag = DATA[::-1], '"2"'
    drain(downloads.fetch(f"{server.url}/file.bin", target))
    assert target.read_bytes() == DATA[::-1]


def test_starts_anew_when_the_file_shrank_under_the_same_tag(
    server: FileServer, target: Path
) -> None:
    break_off(server, target)
    server.files["file.bin"] = DATA[:1000]
    drain(downloads.fetch(f"{server.url}/file.bin", target))
    assert target.read_bytes() == DATA[:1000]


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_keeps_no_part_that_could_not_be_resumed(
    server: FileServer, target: Path, etag: str
) -> None:
    server.etag = etag
    break_off(server, target)
    assert names(target) == []


def test_keeps_the_part_while_the_network_is_away(
    server: FileServer, target: Path, dead_url: str
) -> None:
    break_off(server, target)
    with pytest.raises(UnfreezeError, match="No connection"):
        drain(downloads.fetch(f"{dead_url}/file.bin", target))
    drain(downloads.fetch(f"{server.url}/file.bin", target, md5=MD5))
    assert server.sent < len(DATA)


def test_a_cancelled_download_can_be_resumed(server: FileServer, target: Path) -> None:
    task = downloads.fetch(f"{server.url}/file.bin", target)
    next(task)
    task.close()
    assert not target.exists()
    drain(downloads.fetch(f"{server.url}/file.bin", target, md5=MD5))
    assert names(target) == ["file.bin"]


def test_a_stream_without_length_still_arrives(server: FileServer, target: Path) -> None:
    server.sends_length = False
    events: list[Event] = []
    drain(downloads.fetch(f"{server.url}/file.bin", target, md5=MD5), events.append)
    assert events[0] == Progress("downloading", 0, None, "bytes")


def test_a_second_download_waits_for_the_first(server: FileServer, target: Path) -> None:
    first = downloads.fetch(f"{server.url}/file.bin", target)
    next(first)
    second = downloads.fetch(f"{server.url}/file.bin", target)
    assert next(second) == Progress("waiting", 0, None)
    # The page that began may be drawn by another thread when it goes on.
    thread = threading.Thread(target=drain, args=(first,))
    thread.start()
    drain(second)
    thread.join()
    assert target.read_bytes() == DATA
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ({"md5": "0" * 32}, "damaged"),
        ({"size": 2_000_000}, "1,000,000 bytes instead of 2,000,000"),
        ({"size": 5}, "sends far more than it should"),
    ],
)
def test_throws_away_what_is_not_the_publishers_file(
    server: FileServer, target: Path, check: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UnfreezeError, match=sentence):
        drain(downloads.fetch(f"{server.url}/file.bin", target, **check))  # type: ignore[arg-type]
    assert names(target) == []


def test_a_server_that_never_stops_does_not_fill_the_disk(
    server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "MAX_BYTES", 200_000)
    server.sends_length = False
    with pytest.raises(UnfreezeError, match="sends far more than it should"):
        drain(downloads.fetch(f"{server.url}/file.bin", target))
    assert names(target) == []


def test_a_file_that_moved(server: FileServer, target: Path) -> None:
    with pytest.raises(UnfreezeError, match="404 Not Found: give the path of a copy"):
        drain(downloads.fetch(f"{server.url}/gone.bin", target))
    assert names(target) == []


@pytest.fixture
def dead_url() -> Iterator[str]:
    """An address where nobody listens: its port is taken, but never opened to others."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("url", ["no address", "http://", "ftp://127.0.0.1/file"])
def test_an_address_that_is_none(target: Path, url: str) -> None:
    with pytest.raises(UnfreezeError, match="is not an address to download from"):
        drain(downloads.fetch(url, target))


def test_a_server_that_never_answers(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "TIMEOUT", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/file.bin"
        with pytest.raises(UnfreezeError, match="does not answer"):
            drain(downloads.fetch(url, target))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's device that is full")
def test_a_full_disk(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    (target.parent / "file.bin.part").symlink_to("/dev/full")
    with pytest.raises(UnfreezeError, match=r"disk is full .* free some space"):
        drain(downloads.fetch(f"{server.url}/file.bin", target))
    assert not target.exists()


def test_a_folder_that_cannot_be(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnfreezeError, match="cannot be written"):
        drain(downloads.fetch(f"{server.url}/file.bin", tmp_path / "file" / "file.bin"))
