"""Tokens, vocabulary and vectors: what torchtext gives, without what it does on the side."""

import random
import socket
import ssl
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torchtext.data.utils import get_tokenizer

from ftcore import paths
from ftcore.data import imdb
from ftcore.errors import UnfreezeError
from ftcore.events import Event, Progress, drain
from ftcore.text import vocabulary
from tests.helpers.file_server import FileServer

VOCAB = vocabulary.vocab_from_tokens([*vocabulary.SPECIALS, "a", "film", "fine", "."])


def encode(texts: list[str], max_length: int | None = None) -> list[list[int]]:
    ids, offsets = drain(vocabulary.encode(texts, VOCAB, max_length))
    assert (ids.dtype, offsets.dtype) == (np.int32, np.int64)
    assert len(ids) == offsets[-1]
    return [ids[a:b].tolist() for a, b in pairwise(offsets)]


def load(path: Path, words: int = 100) -> tuple[list[str], torch.Tensor]:
    return drain(vocabulary.load_vectors(path, words))


def vectors_file(path: Path, words: int, dim: int = 3, header: bool = False) -> Path:
    lines = [f"w{n} " + " ".join(str(n + d / 8) for d in range(dim)) for n in range(words)]
    path.write_text("\n".join([f"{words} {dim}"] * header + lines) + "\n")
    return path


def test_vocabulary_keeps_the_order_it_is_given() -> None:
    tokens = [*vocabulary.SPECIALS, "zebra", "apple", "zoo", "'"]
    vocab = vocabulary.vocab_from_tokens(tokens)
    assert vocab.itos == tokens
    assert [vocab[token] for token in tokens] == list(range(6))
    assert (vocab["<unk>"], vocab["<pad>"], vocab["never seen"]) == (
        vocabulary.UNK,
        vocabulary.PAD,
        vocabulary.UNK,
    )


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["a", "film"], "must start with <unk> and <pad>"),
        (["<pad>", "<unk>", "a"], "must start with <unk> and <pad>"),
        ([*vocabulary.SPECIALS, "a", "film", "a"], "has 'a' 2 times"),
    ],
)
def test_a_vocabulary_that_would_shift_its_vectors(tokens: list[str], sentence: str) -> None:
    with pytest.raises(UnfreezeError, match=sentence):
        vocabulary.vocab_from_tokens(tokens)


def test_encodes_each_text_in_its_place() -> None:
    assert encode(["A fine FILM.", "film unseen", "a a"]) == [[2, 4, 3, 5], [3, 0], [2, 2]]
    assert len(VOCAB) == len(VOCAB.stoi) == 6, "encoding must not add words to the vocabulary"


@pytest.mark.parametrize("nothing", ["", "   ", "\n\t", '"', ";:", "<br />"])
def test_a_text_of_nothing_is_one_unknown_token(nothing: str) -> None:
    assert encode([nothing, "a"]) == [[vocabulary.UNK], [2]]


def test_nobodys_pad_is_padding() -> None:
    assert encode(["a <pad> film"]) == [[2, vocabulary.UNK, 3]]


def test_no_texts_at_all() -> None:
    assert encode([]) == []


@given(
    texts=st.lists(
        st.text(st.sampled_from("a film.\"'<br />\n\0\u2028\u03a3\u0130"), max_size=60),
        max_size=150,
    ),
    max_length=st.none() | st.integers(1, 20),
)
def test_encodes_what_the_lessons_tokenizer_finds(texts: list[str], max_length: int | None) -> None:
    tokenizer = get_tokenizer("basic_english")
    expected = [[VOCAB.stoi.get(t, 0) for t in tokenizer(one)[:max_length]] or [0] for one in texts]
    assert encode(texts, max_length) == expected


def test_reports_often_and_can_be_cancelled() -> None:
    events: list[Event] = []
    drain(vocabulary.encode(["a"] * 1000, VOCAB, 8), events.append)
    assert events[-1] == Progress("encoding", 1000, 1000, "texts")
    assert len(events) > 10
    task = vocabulary.encode(["a"] * 1000, VOCAB, 8)
    next(task)
    task.close()


def test_reads_vectors(tmp_path: Path) -> None:
    words, vectors = load(vectors_file(tmp_path / "v.txt", 5))
    assert words == ["w0", "w1", "w2", "w3", "w4"]
    assert vectors.dtype == torch.float32
    assert vectors[3].tolist() == [3.0, 3.125, 3.25]


@pytest.mark.parametrize("words", [1, 999, 1000, 1001, 2500, 9000])
def test_reads_as_many_vectors_as_asked_for(tmp_path: Path, words: int) -> None:
    names, vectors = load(vectors_file(tmp_path / "v.txt", 2500), words)
    assert len(names) == min(words, 2500)
    assert vectors[:, 0].tolist() == list(range(len(names)))


def test_passes_over_the_header_of_word2vec(tmp_path: Path) -> None:
    words, vectors = load(vectors_file(tmp_path / "v.txt", 4, header=True), 4)
    assert words == ["w0", "w1", "w2", "w3"]
    assert vectors.shape == (4, 3)


def test_words_stay_with_their_vectors_where_some_are_left_out(tmp_path: Path) -> None:
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


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    vectors_file(tmp_path / "v.txt", 5)
    assert len(load(tmp_path / "v.txt")[0]) == 5
    vectors_file(tmp_path / "v.txt", 7)
    assert len(load(tmp_path / "v.txt")[0]) == 7
    assert [path.name for path in tmp_path.iterdir()] == ["v.txt"], "no copy is left beside it"


def test_certificates_are_still_checked_afterwards(tmp_path: Path) -> None:
    load(vectors_file(tmp_path / "v.txt", 5))
    assert ssl._create_default_https_context().verify_mode == ssl.CERT_REQUIRED


def test_no_bar_is_drawn(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load(vectors_file(tmp_path / "v.txt", 5))
    assert capfd.readouterr() == ("", "")


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
def test_a_file_without_word_vectors(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "v.txt").write_bytes(content)
    with pytest.raises(UnfreezeError, match=sentence):
        load(tmp_path / "v.txt")


def test_vectors_that_are_not_there(tmp_path: Path) -> None:
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


def test_fetches_only_the_words_asked_for(server: FileServer, glove: bytes) -> None:
    events: list[Event] = []
    path = drain(vocabulary.fetch_glove(2000), events.append)
    words, vectors = load(path, 2000)
    assert (words[0], words[-1], vectors.shape) == ("100w0", "100w1999", (2000, 100))
    assert path.read_text().count("\n") == 2000
    assert server.sent < len(glove) / 2
    assert [event.phase for event in events if isinstance(event, Progress)] == ["downloading"] * 2
    assert [path.name for path in paths.downloads_dir().iterdir()] == [path.name]


def test_fetches_no_words_twice(server: FileServer) -> None:
    drain(vocabulary.fetch_glove(500))
    asked = len(server.requests)
    drain(vocabulary.fetch_glove(500))
    assert len(server.requests) == asked
    drain(vocabulary.fetch_glove(400, dim=50))
    assert len(server.requests) > asked


def test_fetches_the_whole_zip_where_the_server_has_no_ranges(
    server: FileServer, glove: bytes
) -> None:
    server.ranges = False
    path = drain(vocabulary.fetch_glove(2000))
    assert len(load(path, 2000)[0]) == 2000
    assert (paths.downloads_dir() / "glove.6B.zip").read_bytes() == glove
    asked = len(server.requests)
    drain(vocabulary.fetch_glove(300, dim=50))
    assert [kind for kind, _ in server.requests[asked:]].count("GET") <= 1, "the zip is there"


def test_a_cancelled_fetch_leaves_nothing(server: FileServer) -> None:
    task = vocabulary.fetch_glove(5000)
    next(task)
    task.close()
    assert list(paths.downloads_dir().iterdir()) == []


def test_a_connection_that_breaks_leaves_nothing(server: FileServer) -> None:
    server.breaks_after = 200_000
    with pytest.raises(UnfreezeError, match="broke off: start it again"):
        drain(vocabulary.fetch_glove(5000))
    assert list(paths.downloads_dir().iterdir()) == []


def test_glove_that_moved(server: FileServer) -> None:
    server.files.clear()
    with pytest.raises(UnfreezeError, match="404"):
        drain(vocabulary.fetch_glove(100))


def test_dimensions_that_glove_does_not_have(server: FileServer) -> None:
    with pytest.raises(UnfreezeError, match="no 64 dimensions"):
        drain(vocabulary.fetch_glove(100, dim=64))
    assert server.requests == []


def test_glove_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # a port that nobody answers
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("UNFREEZE_GLOVE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/a.zip")
        with pytest.raises(UnfreezeError, match="No connection to"):
            drain(vocabulary.fetch_glove(100))


@pytest.mark.parametrize("content", [b"<html>log in</html>" * 100, b"PK\x03\x04" + bytes(9000)])
@pytest.mark.parametrize("ranges", [True, False])
def test_glove_that_is_no_zip_is_not_kept(server: FileServer, content: bytes, ranges: bool) -> None:
    server.ranges = ranges
    server.files["glove.6B.zip"] = content
    with pytest.raises(UnfreezeError, match=r"no zip with glove\.6B\.100d\.txt"):
        drain(vocabulary.fetch_glove(100))
    assert not list(paths.downloads_dir().glob("glove*"))


def test_real_reviews_encode_as_the_lesson_would(shared_data: Path) -> None:
    folder = ("test/neg",)
    texts = [one for _, one in drain(imdb.read_reviews(shared_data / "aclImdb.tar.gz", folder))][
        :500
    ]
    tokenizer = get_tokenizer("basic_english")
    assert encode(texts, 256) == [
        [VOCAB.stoi.get(token, vocabulary.UNK) for token in tokenizer(one)[:256]] for one in texts
    ]


def test_real_glove_that_was_cut_short(shared_data: Path) -> None:
    head = shared_data / "glove" / "glove.6B.100d.head.txt"
    words, vectors = load(head, 2717)
    assert (len(words), words[:3]) == (2717, ["the", ",", "."])
    film, movie, bank = (vectors[words.index(word)] for word in ("film", "movie", "bank"))
    assert torch.cosine_similarity(film, movie, 0) > 0.8 > torch.cosine_similarity(film, bank, 0)
    with pytest.raises(UnfreezeError, match=r"cut short at line 2718: .* at most 2,717 words"):
        load(head, 40_000)


def test_real_glove_by_parts(shared_data: Path, server: FileServer) -> None:
    head = (shared_data / "glove" / "glove.6B.100d.head.txt").read_bytes()
    whole_lines = head[: head.rindex(b"\n") + 1]
    server.files["glove.6B.zip"] = zipped(whole_lines)
    path = drain(vocabulary.fetch_glove(2500))
    assert path.read_bytes() == b"".join(head.splitlines(keepends=True)[:2500])
    assert server.sent < len(server.files["glove.6B.zip"]) / 2
