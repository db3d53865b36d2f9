"""Reading of word vectors, and the download of GloVe."""

import random
import socket
import zipfile
from collections.abc import Iterator
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


def vectors_file(path: Path, words: int, dim: int = 3, header: bool = False) -> Path:
    lines = [f"w{n} " + " ".join(str(n + d / 8) for d in range(dim)) for n in range(words)]
    path.write_text("\n".join([f"{words} {dim}"] * header + lines) + "\n")
    return path


def test_reads_words_and_float32_vectors(tmp_path: Path) -> None:
    words, vectors = load(vectors_file(tmp_path / "v.txt", 5))
    assert words == ["w0", "w1", "w2", "w3", "w4"]
    assert vectors.dtype == torch.float32
    assert vectors[3].tolist() == [3.0, 3.125, 3.25]


@pytest.mark.parametrize("words", [1, 999, 1000, 1001, 2500, 9000])
def test_reads_the_requested_number_of_vectors(tmp_path: Path, words: int) -> None:
    names, vectors = load(vectors_file(tmp_path / "v.txt", 2500), words)
    assert len(names) == min(words, 2500)
    assert vectors[:, 0].tolist() == list(range(len(names)))


def test_skips_the_word2vec_header(tmp_path: Path) -> None:
    words, vectors = load(vectors_file(tmp_path / "v.txt", 4, header=True), 4)
    assert words == ["w0", "w1", "w2", "w3"]
    assert vectors.shape == (4, 3)


def test_skipped_words_do_not_shift_vectors(tmp_path: Path) -> None:
    lines = [
        b"the 1 1 1",
        b"<pad> 2 2 2",
        b"\xff\xfe 3 3 3",
        b"a 4 4 4",
        b"the 5 5 5",
        b"<unk> 6 6 6",
        b"film 7 7 7",
    ]
    (tmp_path / "v.txt").write_bytes(b"\n".join([*lines, b""]))
    words, vectors = load(tmp_path / "v.txt")
    assert words == ["the", "a", "film"]
    assert vectors[:, 0].tolist() == [1, 4, 7]


def test_changed_file_is_read_again(tmp_path: Path) -> None:
    vectors_file(tmp_path / "v.txt", 5)
    assert len(load(tmp_path / "v.txt")[0]) == 5
    vectors_file(tmp_path / "v.txt", 7)
    assert len(load(tmp_path / "v.txt")[0]) == 7
    assert [path.name for path in tmp_path.iterdir()] == ["v.txt"], "no copy is left beside it"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no usable word vectors"),
        (b"the 1 2 3\na 1 2\nfilm 1 2 3\n", "no word vector on line 2"),
        (b"the 1 2 3\na 1 2 3\nfilm 1 2", "cut short at line 3: .* at most 2 words"),
        (b"the 1 2 3\na 1 two 3\n", "could not convert string to float: b'two'"),
        (b"the 1 nan 3\n", "no usable word vectors"),
        (b"It was a fine film.\nI liked it.\n", "no word vector on line 2"),
        (b"the 1\na 2\n", "no word vector on line 1"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "no word vector on line 1"),
        (bytes(300_000), "is cut short|no word vector on line 1"),
    ],
    ids=["empty", "uneven", "cut short", "no number", "nan", "prose", "numbers", "png", "zeros"],
)
def test_file_without_word_vectors_is_refused(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "v.txt").write_bytes(content)
    with pytest.raises(UnfreezeError, match=sentence):
        load(tmp_path / "v.txt")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnfreezeError, match="No such file"):
        load(tmp_path / "nowhere.txt")
    with pytest.raises(UnfreezeError, match="cannot be read"):
        load(tmp_path)


def zipped(head: bytes = b"") -> bytes:
    """A zip like GloVe's: members by size, of words that hardly compress."""
    rng = random.Random(0)
    file = Path(paths.home().parent, "made.zip")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for dim in (50, 100):
            rows = [
                f"{dim}w{n} " + " ".join(f"{rng.uniform(-1, 1):.5f}" for _ in range(dim))
                for n in range(12_000)
            ]
            own = head if dim == 100 else b""
            archive.writestr(f"glove.6B.{dim}d.txt", own + "\n".join(rows).encode() + b"\n")
    return file.read_bytes()


@pytest.fixture(scope="module")
def glove(session_home: Path) -> bytes:
    return zipped()


@pytest.fixture
def server(glove: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    with FileServer({"glove.6B.zip": glove}) as server:
        monkeypatch.setenv("UNFREEZE_GLOVE_URL", f"{server.url}/glove.6B.zip")
        yield server


def test_fetch_downloads_only_the_requested_words(server: FileServer, glove: bytes) -> None:
    events: list[Event] = []
    path = drain(word_vectors.fetch_glove(2000), events.append)
    words, vectors = load(path, 2000)
    assert (words[0], words[-1], vectors.shape) == ("100w0", "100w1999", (2000, 100))
    assert path.read_text().count("\n") == 2000
    assert server.sent < len(glove) / 2
    assert [event.phase for event in events if isinstance(event, Progress)] == ["downloading"] * 2
    assert [path.name for path in paths.downloads_dir().iterdir()] == [path.name]


def test_fetch_downloads_once(server: FileServer) -> None:
    drain(word_vectors.fetch_glove(500))
    asked = len(server.requests)
    drain(word_vectors.fetch_glove(500))
    assert len(server.requests) == asked
    drain(word_vectors.fetch_glove(400, dim=50))
    assert len(server.requests) > asked


def test_fetch_downloads_the_zip_from_a_server_without_ranges(
    server: FileServer, glove: bytes
) -> None:
    server.ranges = False
    path = drain(word_vectors.fetch_glove(2000))
    assert len(load(path, 2000)[0]) == 2000
    assert (paths.downloads_dir() / "glove.6B.zip").read_bytes() == glove
    asked = len(server.requests)
    drain(word_vectors.fetch_glove(300, dim=50))
    assert [kind for kind, _ in server.requests[asked:]].count("GET") <= 1, "the zip is there"


def test_cancelled_fetch_leaves_no_file(server: FileServer) -> None:
    task = word_vectors.fetch_glove(5000)
    next(task)
    task.close()
    assert list(paths.downloads_dir().iterdir()) == []


def test_interrupted_fetch_leaves_no_file(server: FileServer) -> None:
    server.breaks_after = 200_000
    with pytest.raises(UnfreezeError, match="interrupted: start it again"):
        drain(word_vectors.fetch_glove(5000))
    assert list(paths.downloads_dir().iterdir()) == []


def test_missing_glove_is_reported(server: FileServer) -> None:
    server.files.clear()
    with pytest.raises(UnfreezeError, match="404"):
        drain(word_vectors.fetch_glove(100))


def test_unknown_dimensions_are_refused_without_a_request(server: FileServer) -> None:
    with pytest.raises(UnfreezeError, match="no 64 dimensions"):
        drain(word_vectors.fetch_glove(100, dim=64))
    assert server.requests == []


def test_fetch_without_a_network_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # a port that nobody answers
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("UNFREEZE_GLOVE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/a.zip")
        with pytest.raises(UnfreezeError, match="No connection to"):
            drain(word_vectors.fetch_glove(100))


@pytest.mark.parametrize("content", [b"<html>log in</html>" * 100, b"PK\x03\x04" + bytes(9000)])
@pytest.mark.parametrize("ranges", [True, False])
def test_damaged_zip_is_deleted(server: FileServer, content: bytes, ranges: bool) -> None:
    server.ranges = ranges
    server.files["glove.6B.zip"] = content
    with pytest.raises(UnfreezeError, match=r"no zip with glove\.6B\.100d\.txt"):
        drain(word_vectors.fetch_glove(100))
    assert not list(paths.downloads_dir().glob("glove*"))


def test_real_glove_that_is_cut_short(shared_data: Path) -> None:
    head = shared_data / "glove" / "glove.6B.100d.head.txt"
    words, vectors = load(head, 2717)
    assert (len(words), words[:3]) == (2717, ["the", ",", "."])
    film, movie, bank = (vectors[words.index(word)] for word in ("film", "movie", "bank"))
    assert torch.cosine_similarity(film, movie, 0) > 0.8 > torch.cosine_similarity(film, bank, 0)
    with pytest.raises(UnfreezeError, match=r"cut short at line 2718: .* at most 2,717 words"):
        load(head, 40_000)


def test_fetch_of_real_glove_lines(shared_data: Path, server: FileServer) -> None:
    head = (shared_data / "glove" / "glove.6B.100d.head.txt").read_bytes()
    whole_lines = head[: head.rindex(b"\n") + 1]
    server.files["glove.6B.zip"] = zipped(whole_lines)
    path = drain(word_vectors.fetch_glove(2500))
    assert path.read_bytes() == b"".join(head.splitlines(keepends=True)[:2500])
    assert server.sent < len(server.files["glove.6B.zip"]) / 2
