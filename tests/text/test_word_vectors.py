"""Reading of word vectors, and the download of GloVe."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
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
    names, vectors, _ = drain(word_vectors.load_vectors(path, words))
    return names, vectors


def read(path: Path, content: bytes) -> tuple[list[str], list[list[float]], list[str]]:
    path.write_bytes(content)
    names, vectors, notes = drain(word_vectors.load_vectors(path, 100))
    return names, vectors.tolist(), notes


@pytest.mark.parametrize("header", [b"", b"2500 3\n"])
@pytest.mark.parametrize("words", [1, 1000, 1001, 2500, 9000])
def test_reads_the_requested_number_of_vectors(tmp_path, words, header):
    lines = "".join(f"w{n} {n} {n + 1 / 8} {n + 2 / 8}\n" for n in range(2500))
    (tmp_path / "v.txt").write_bytes(header + lines.encode())
    names, vectors = load(tmp_path / "v.txt", words)
    assert names == [f"w{n}" for n in range(min(words, 2500))]
    expected = torch.arange(len(names))[:, None] + torch.tensor([0, 1 / 8, 2 / 8])
    assert vectors.dtype == torch.float32 and vectors.equal(expected)


def tar(content: bytes) -> bytes:
    """Return a tar archive of one file."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("v.txt")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def test_skipped_words_do_not_shift_vectors(tmp_path):
    words = [b"the", b"<pad>", b"\xff\xfe", b"a", b"the", b"<unk>", b"film"]
    words += [b"w%d" % number for number in range(10)]
    lines = [b"%s %d 1 1\n" % (word, number) for number, word in enumerate(words, 1)]
    names, vectors, notes = read(tmp_path / "v.txt", b"".join(lines))
    assert names[:4] == ["the", "a", "film", "w0"]
    assert [vector[0] for vector in vectors[:4]] == [1, 4, 7, 8]
    assert len(notes) == 1 and "1 of 17 words" in notes[0] and "encoding and were left" in notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no usable word vectors"),
        (b"the 1 2 3\na 1 2\nfilm 1 2 3\n", "no word vector on line 2.*3 numbers, but 2 fields"),
        (b"the 1 2 3\na 1 2 3 4\n", "no word vector on line 2.*3 numbers, but 4 fields"),
        (b"9 3\nthe 1 2 3\na 1 2\n", "no word vector on line 3"),
        (b"9 3\nthe \x01\0\x80?\0\0\n", "line 2.*word2vec's binary form"),
        (b"the,1,2,3\na,1,2,3\n", "no word vector on line 1"),
        ("film 1 2 3\n\u0444 1 2 3\n\u044f\u0431 1 2 3\n".encode("koi8-r"), "encoding of .*v.txt"),
        (b"the 1 2 3\na 1 2 3\nfilm 1 2", "cut short at line 3: .* at most 2 words"),
        (b"the 1 2 3\na 1 two 3\n", "could not convert string to float: b'two'"),
        (b"the 1 2 3\nfilm 1 nan 3\n", "vector of 'film' in .*v.txt has a value.*: correct or"),
        (b"the 1 2 3\nfilm 1 2 7e4\n", "vector of 'film' .* beyond 65,504"),
        (b"the 0 0 0\nfilm 1e-30 0 0\n", "no usable word vectors"),
        (b"the 1 2 3\ra 4 5 6\rfilm 7 8 9\r", "no word vector on line 1"),
        (b"the 1 2 3\n0 the 1 2 3\n1 a 4 5 6\n", "no word vector on line 2"),
        (b"the 1 2 3\nth\0e 1 2 3\n", "no word vector on line 2"),
        (gzip.compress(gzip.compress(b"the 1 2 3\n")), "holds a gzip file: unpack it"),
        (b"\x28\xb5\x2f\xfd" + bytes(90), "holds a Zstandard file: unpack it"),
        (gzip.compress(tar(b"the 1 2 3\na 1 2 3\n")), "holds a tar file: unpack it"),
        (gzip.compress(b"the 1 2 3\n")[:-8] + bytes(8), "is damaged at line 1: fetch it again"),
        (b"the 1\na 2\n", "no word vector on line 1"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "no word vector on line 1"),
        (bytes(300_000), "is cut short|no word vector on line 1"),
    ],
    ids=range(22),
)
def test_file_without_word_vectors_is_refused(tmp_path, content, message):
    (tmp_path / "v.txt").write_bytes(content)
    with pytest.raises(UnfreezeError, match=message):
        load(tmp_path / "v.txt")


WORDS, VECTORS = ["the", "a", "film"], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [-7.0, 0.5, 0.25]]
PLAIN = b"the 1 2 3\na 4 5 6\nfilm -7 0.5 0.25\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace(b" ", b"\t"),
        b"the\t1 2 3\na\t4 5 6\nfilm\t-7 0.5 0.25\n",
        PLAIN.replace(b" ", b"  "),
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.replace(b"\n", b" \n"),
        PLAIN + b"\n",
        PLAIN.replace(b"\n", b"\n \r\n\n"),
        b"3 3\n" + PLAIN,
        b"3\t3 \r\n" + PLAIN + b"\n",
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.decode().encode("utf-16"),
        PLAIN.decode().encode("utf-16-le"),
        PLAIN.decode().encode("utf-32"),
        gzip.compress(PLAIN),
        bz2.compress(PLAIN),
        lzma.compress(b"3 3\n" + PLAIN),
        gzip.compress(PLAIN.decode().encode("utf-16")),
    ],
    ids=range(17),
)
def test_other_forms_read_the_same(tmp_path, content):
    assert read(tmp_path / "v.txt", content)[:2] == (WORDS, VECTORS)


def test_zip_with_one_file_is_read_and_others_are_named(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vectors/", b"")
        archive.writestr("vectors/v.vec", b"3 3\n" + PLAIN)
        archive.writestr("__MACOSX/vectors/._v.vec", b"\0")
    assert read(tmp_path / "v.zip", file.getvalue())[0] == WORDS
    with pytest.raises(UnfreezeError, match="is cut short"):
        read(tmp_path / "cut.gz", gzip.compress(PLAIN * 50)[:-9])
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("glove.6B.50d.txt", PLAIN)
    with pytest.raises(UnfreezeError, match=r"one file \(vectors/v\.vec, glove\.6B\.50d\.txt\)"):
        read(tmp_path / "v.zip", file.getvalue())


def test_word_with_spaces_and_words_that_are_numbers(tmp_path):
    """As GloVe 840B has; the numbers are the last ones of the line."""
    lines = b"7 1 2 3\n. . . 4 5 6\nnew york 7 8 9\n1/2 \xc2\xa0x 1 1 1\n2 3 3 3\n"
    names, vectors, _ = read(tmp_path / "v.txt", lines)
    assert names == ["7", ". . .", "new york", "1/2 \u00a0x", "2"]
    assert vectors == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 1, 1], [3, 3, 3]]


def test_last_line_without_a_line_break_is_read_and_noted(tmp_path):
    names, vectors, notes = read(tmp_path / "v.txt", PLAIN[:-1])
    assert (names, vectors) == (WORDS, VECTORS)
    assert len(notes) == 1 and notes[0].endswith("its last number may be cut short.")


def test_words_in_windows_1252_are_read_and_noted(tmp_path):
    words = ["the", "caf\u00e9", "na\u00efve", "d\u00e9j\u00e0"]
    content = "".join(f"{word} 1 2 3\n" for word in words).encode("cp1252")
    names, _, notes = read(tmp_path / "v.txt", content)
    assert names == words
    assert "3 of 4 words" in notes[0] and "encoding windows-1252" in notes[0]


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
    assert list(paths.downloads_dir().glob("[!.]*")) == [path]
    requests, content = len(server.requests), path.read_bytes()
    drain(word_vectors.fetch_glove(2000))
    assert len(server.requests) == requests
    path.write_bytes(content.replace(b"0.1", b"0.9", 1))
    drain(word_vectors.fetch_glove(2000))
    assert path.read_bytes() == content


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
