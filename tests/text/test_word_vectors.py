"""Reading of word vectors, and the download of GloVe."""

import random
import zipfile
from pathlib import Path

import pytest
import torch

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.events import Event, Progress, drain
from ftcore.text import word_vectors
from tests.helpers.file_server import FileServer


def load(path: Path, words: int = 100) -> tuple[list[str], torch.Tensor]:
    return drain(word_vectors.load_vectors(path, words))


@pytest.mark.parametrize("header", [b"", b"2500 3\n"])
@pytest.mark.parametrize("words", [1, 1000, 1001, 2500, 9000])
def test_reads_the_requested_number_of_vectors(tmp_path, words, header):
    lines = "".join(f"w{n} {n} {n + 1 / 8} {n + 2 / 8}\n" for n in range(2500))
    (tmp_path / "v.txt").write_bytes(header + lines.encode())
    names, vectors = load(tmp_path / "v.txt", words)
    assert names == [f"w{n}" for n in range(min(words, 2500))]
    expected = torch.arange(len(names))[:, None] + torch.tensor([0, 1 / 8, 2 / 8])
    assert vectors.dtype == torch.float32 and vectors.equal(expected)


def test_skipped_words_do_not_shift_vectors(tmp_path):
    words = [b"the", b"<pad>", b"\xff\xfe", b"a", b"the", b"<unk>", b"film"]
    lines = [b"%s %d 1 1\n" % (word, number) for number, word in enumerate(words, 1)]
    (tmp_path / "v.txt").write_bytes(b"".join(lines))
    names, vectors = load(tmp_path / "v.txt")
    assert names == ["the", "a", "film"]
    assert vectors[:, 0].tolist() == [1, 4, 7]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no usable word vectors"),
        (b"the 1 2 3\na 1 2\nfilm 1 2 3\n", "no word vector on line 2"),
        (b"the 1 2 3\na 1 2 3\nfilm 1 2", "cut short at line 3: .* at most 2 words"),
        (b"the 1 2 3\na 1 two 3\n", "could not convert string to float: b'two'"),
        (b"the 1 nan 3\n", "no usable word vectors"),
        (b"the 1\na 2\n", "no word vector on line 1"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "no word vector on line 1"),
        (bytes(300_000), "is cut short|no word vector on line 1"),
    ],
    ids=range(8),
)
def test_file_without_word_vectors_is_refused(tmp_path, content, message):
    (tmp_path / "v.txt").write_bytes(content)
    with pytest.raises(UnfreezeError, match=message):
        load(tmp_path / "v.txt")


@pytest.fixture(scope="module")
def glove(tmp_path_factory):
    """A zip like GloVe's, of lines that hardly compress."""
    rng = random.Random(0)
    file = tmp_path_factory.mktemp("glove") / "glove.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for dim in (50, 100):
            lines = [
                f"{dim}w{n} " + " ".join(f"{rng.uniform(-1, 1):.5f}" for _ in range(dim)) + "\n"
                for n in range(12_000)
            ]
            archive.writestr(f"glove.6B.{dim}d.txt", "".join(lines))
    return file.read_bytes()


@pytest.fixture
def server(glove, monkeypatch):
    with FileServer({"glove.6B.zip": glove}) as server:
        monkeypatch.setenv("UNFREEZE_GLOVE_URL", f"{server.url}/glove.6B.zip")
        yield server


def test_fetch_downloads_only_the_requested_words_once(server, glove):
    events: list[Event] = []
    path = drain(word_vectors.fetch_glove(2000), events.append)
    words, vectors = load(path, 2000)
    assert (words[0], words[-1], vectors.shape) == ("100w0", "100w1999", (2000, 100))
    assert path.read_text().count("\n") == 2000
    assert server.sent < len(glove) / 2
    assert [event.phase for event in events if isinstance(event, Progress)] == ["downloading"] * 2
    assert [path.name for path in paths.downloads_dir().iterdir()] == [path.name]
    requests = len(server.requests)
    drain(word_vectors.fetch_glove(2000))
    assert len(server.requests) == requests


def test_fetch_downloads_the_zip_from_a_server_without_ranges(server, glove):
    server.ranges = False
    path = drain(word_vectors.fetch_glove(2000))
    assert len(load(path, 2000)[0]) == 2000
    assert (paths.downloads_dir() / "glove.6B.zip").read_bytes() == glove
    requests = len(server.requests)
    drain(word_vectors.fetch_glove(300, dim=50))
    assert len(server.requests) <= requests + 1, "the zip was downloaded twice"


def test_cancelled_or_interrupted_fetch_leaves_no_file(server):
    task = word_vectors.fetch_glove(5000)
    next(task)
    task.close()
    assert list(paths.downloads_dir().iterdir()) == []
    server.breaks_after = 200_000
    with pytest.raises(UnfreezeError, match="interrupted: start it again"):
        drain(word_vectors.fetch_glove(5000))
    assert list(paths.downloads_dir().iterdir()) == []


@pytest.mark.parametrize("content", [b"<html>log in</html>" * 100, b"PK\x03\x04" + bytes(9000)])
@pytest.mark.parametrize("ranges", [True, False])
def test_damaged_zip_is_deleted(server, content, ranges):
    server.ranges = ranges
    server.files["glove.6B.zip"] = content
    with pytest.raises(UnfreezeError, match=r"no zip with glove\.6B\.100d\.txt"):
        drain(word_vectors.fetch_glove(100))
    assert not list(paths.downloads_dir().glob("glove*"))


def test_missing_zip_and_unknown_dimensions_are_reported(server):
    with pytest.raises(UnfreezeError, match="no 64 dimensions"):
        drain(word_vectors.fetch_glove(100, dim=64))
    assert server.requests == []
    server.files.clear()
    with pytest.raises(UnfreezeError, match="404"):
        drain(word_vectors.fetch_glove(100))
