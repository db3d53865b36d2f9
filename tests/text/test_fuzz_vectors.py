"""Damaged and odd files of word vectors: loaded completely, or refused with a message."""

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from ftcore.events import drain
from ftcore.text import word_vectors
from tests.helpers.fuzzing import ODD_TEXTS, accepted, damaged, examples

WORDS = 60
ROWS = [[round((word * 7 + i) % 11 / 7 - 0.7, 5) for i in range(6)] for word in range(WORDS)]
VALID = "".join(f"word{i} {' '.join(map(str, row))}\n" for i, row in enumerate(ROWS)).encode()
ODD_LINES = [b"", b" ", b"word 1 2 3", b"word 1 2 3", b"other\t1 2 3", b"w 1 2", b"w 70000 1 2"]
ODD_LINES += [b"w 1e38 1e39 2", b"w nan 1 2", b"w 1 inf 2", b"\xff\xfe 1 2 3", b"w  1 2"]
ODD_LINES += [b" 1 2 3", b"\0 1 2 3", b"w 1 2 3\r", b"<unk> 1 2 3", b"<pad> 1 2 3", b"3 3"]
ODD_LINES += [b"9999999999 3", b"w 0x1 1_0 1", b"\xef\xbb\xbf 1 2 3", b"a b c d", b"w 1 2 3 "]
ODD_LINES += ["\u202e 1 2 3".encode(), "word\u00a0x 1 2 3".encode(), b"w " + b"1 " * 300_000]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("vectors") / "vectors.txt"


def is_valid(file: Path, max_words: int) -> bool:
    loaded = accepted(lambda: drain(word_vectors.load_vectors(file, max_words)))
    if loaded is None:
        return False
    words, vectors, notes = loaded
    assert len(words) == len(set(words)) == len(vectors) <= max_words
    assert vectors.shape[1] >= 3
    assert vectors.half().isfinite().all()  # as they are stored
    assert all(word.encode() for word in words)
    return not notes


@given(st.data())
@examples(80)
def test_damaged_file(file, data):
    file.write_bytes(data.draw(damaged(VALID)))
    is_valid(file, data.draw(st.sampled_from([1, WORDS, 1000])))


@pytest.mark.parametrize("header", [b"", b"%d 6\n" % WORDS])
def test_truncated_file_is_refused(file, header):
    """Between two lines, only the count in word2vec's header tells."""
    for end in range(len(VALID)):
        file.write_bytes(header + VALID[:end])
        is_whole = VALID[:end].endswith(b"\n") and not header
        assert is_valid(file, 1000) == is_whole, VALID[:end][-40:]


SEPARATORS = st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n"])


@given(st.lists(st.sampled_from(ODD_LINES), max_size=6), SEPARATORS)
@examples(120)
def test_odd_lines(file, lines, separator):
    file.write_bytes(separator.join([*lines, b""]))
    is_valid(file, 4)


def test_odd_path_is_refused():
    assert not any(is_valid(Path(path), 10) for path in ODD_TEXTS)
