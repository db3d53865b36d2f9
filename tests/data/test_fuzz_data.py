"""Bad archives, CSV files and word vectors: a dataset that is whole, or one sentence. See tests/fuzz.py."""

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from ftcore.data import datasets
from ftcore.data.text_dataset import TextDataset
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.text import vocabulary
from tests.data.test_datasets import REVIEWS, ROWS, archive, csvs, member
from tests.helpers.fuzzing import ODD_TEXTS, accepted, damaged, examples

WORDS = 60
NUMBERS = [
    [round((word * 7 + place) % 11 / 7 - 0.7, 5) for place in range(6)] for word in range(WORDS)
]
VECTORS = "".join(
    f"word{word} {' '.join(map(str, row))}\n" for word, row in enumerate(NUMBERS)
).encode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad")


def packed(folder: Path) -> bytes:
    """A good archive."""
    return archive(folder / "good.tar.gz", REVIEWS | {"README": b"About."}).read_bytes()


def read(name: str, source: object) -> TextDataset | None:
    """A dataset, and that all of it can be used."""
    found = accepted(lambda: drain(datasets.load(name, str(source))))
    if found is not None:
        for part in (found.train, found.test):
            assert part.texts and len(part.texts) == len(part.labels)
            assert all(one.strip() and one.encode() for one in part.texts)
            assert set(part.labels) <= set(range(len(found.labels)))
    return found


@given(st.data())
@examples(60)
def test_an_archive_with_damage_is_refused_or_reads_the_same(
    folder: Path, data: st.DataObject
) -> None:
    whole = packed(folder)
    file = folder / "imdb.tar.gz"
    file.write_bytes(data.draw(damaged(whole)))
    found = read("imdb", file)
    if found is not None:
        assert found.fingerprint == read("imdb", folder / "good.tar.gz").fingerprint


@given(st.data())
@examples(60)
def test_a_damaged_tar_in_a_sound_gzip(folder: Path, data: st.DataObject) -> None:
    """As a full disk leaves it where tar and gzip are two processes."""
    whole = gzip.decompress(packed(folder))
    bad = data.draw(damaged(whole))
    file = folder / "tar.tar.gz"
    file.write_bytes(gzip.compress(bad, 1))
    found = read("imdb", file)
    if found is not None and whole.startswith(bad):  # cut in what fills up the last block alone
        assert found.fingerprint == read("imdb", folder / "good.tar.gz").fingerprint


def test_a_tar_cut_behind_any_member_is_refused(folder: Path) -> None:
    whole = gzip.decompress(packed(folder))
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        ends = [one.offset for one in tar] + [tar.offset]
    for end in ends:
        (folder / "cut.tar.gz").write_bytes(gzip.compress(whole[:end], 1))
        with pytest.raises(UnfreezeError, match="cut short"):
            drain(datasets.load("imdb", str(folder / "cut.tar.gz")))


KINDS = [
    tarfile.REGTYPE,
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
    tarfile.CONTTYPE,
    tarfile.GNUTYPE_SPARSE,
    b"?",
]
NAMES = ["aclImdb/train/pos/x.txt", "./aclImdb/test/neg/9_1.txt", "train/pos/1_1.txt", *ODD_TEXTS]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(KINDS), st.binary(max_size=99))))
@examples(50)
def test_an_archive_with_odd_members(folder: Path, members: list[tuple[str, bytes, bytes]]) -> None:
    more = [
        member(name.encode("utf-8", "replace").decode() or "x", data, kind)
        for name, kind, data in members
    ]
    read("imdb", archive(folder / "odd.tar.gz", REVIEWS, *more))


REVIEW_BYTES = st.sampled_from(
    [
        b"",
        b"\0",
        b"\r",
        b"\xff\xfe\0",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        "\u202eabc".encode(),
        b"<br />",
        b"a" * 300_000,
        b"\n" * 9000,
        b"fine",
    ]
)


@given(st.fixed_dictionaries(dict.fromkeys(REVIEWS, REVIEW_BYTES)))
@examples(30)
def test_an_archive_with_odd_reviews(folder: Path, files: dict[str, bytes]) -> None:
    read("imdb", archive(folder / "texts.tar.gz", files))


@given(st.data())
@examples(80)
def test_a_csv_with_damage(folder: Path, data: st.DataObject) -> None:
    good = (csvs(folder / "good") / "train.csv").read_bytes()
    bad = csvs(folder / "csv")
    (bad / "train.csv").write_bytes(data.draw(damaged(good)))
    read("ag_news", bad)


def test_a_csv_cut_anywhere_but_between_rows_is_refused(folder: Path) -> None:
    """Between two rows nobody can tell; the classes or the publisher's size must."""
    rows = csvs(folder / "rows", [*ROWS, *ROWS])
    whole = (rows / "train.csv").read_bytes()
    for end in range(len(whole)):
        (rows / "train.csv").write_bytes(whole[:end])
        assert read("ag_news", rows) is None or whole[:end].endswith((b"\n", b"\r")), whole[:end]


CELLS = st.sampled_from([*ODD_TEXTS, "1", "2", "3", "4", "5", "0", "\uff11"])


@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=6), st.booleans())
@example([["1", "a", "b"]] * 3, False)
@examples(60)
def test_a_csv_of_odd_rows(folder: Path, rows: list[list[str]], among_good: bool) -> None:
    encoded = [tuple(one.encode("utf-8", "replace").decode() for one in row) for row in rows]
    read("ag_news", csvs(folder / "odd", encoded + ROWS * among_good))


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_a_csv_with_a_mark_of_its_encoding(tmp_path: Path, mark: str) -> None:
    """As Excel writes them: the first reads like any other, the second is refused."""
    good = read("ag_news", csvs(tmp_path))
    file = tmp_path / "train.csv"
    file.write_text(file.read_text("utf-8"), mark)
    found = read("ag_news", tmp_path)
    assert (found.fingerprint if found else None) == (
        good.fingerprint if mark == "utf-8-sig" else None
    )


@pytest.mark.parametrize("name", ["imdb", "ag_news"])
def test_any_path_is_there_or_a_sentence(name: str) -> None:
    for source in filter(str.strip, ODD_TEXTS):
        assert read(name, source) is None
        datasets.is_available(name, source)


@pytest.mark.parametrize("name", ["imdb", "ag_news"])
def test_a_folder_where_a_file_should_be_and_links_to_nowhere(name: str, tmp_path: Path) -> None:
    for one in ("train.csv", "test.csv", "aclImdb/train/pos/1_1.txt"):
        (tmp_path / one).mkdir(parents=True)
    assert read(name, tmp_path) is None
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    assert read(name, tmp_path / "loop") is None and read(name, tmp_path / "gone") is None


def vectors(file: Path, words: int) -> tuple[list[str], Any] | None:
    """What is read of a file of vectors, and that all of it can be used."""
    found = accepted(lambda: drain(vocabulary.load_vectors(file, words)))
    if found is not None:
        names, rows = found
        assert len(names) == len(set(names)) == len(rows) <= words and rows.shape[1] >= 3
        assert rows.half().isfinite().all()  # as they are stored
        assert all(one.encode() for one in names)
    return found


@given(st.data())
@examples(80)
def test_vectors_with_damage(folder: Path, data: st.DataObject) -> None:
    (folder / "v.txt").write_bytes(data.draw(damaged(VECTORS)))
    vectors(folder / "v.txt", data.draw(st.sampled_from([1, WORDS, 1000])))


@pytest.mark.parametrize("header", [b"", b"%d 6\n" % WORDS])
def test_vectors_cut_anywhere_but_between_lines_are_refused(folder: Path, header: bytes) -> None:
    """With word2vec's header, which counts them, between two lines as well."""
    for end in range(len(VECTORS)):
        (folder / "cut.txt").write_bytes(header + VECTORS[:end])
        whole_lines = VECTORS[:end].endswith(b"\n") and not header
        assert (vectors(folder / "cut.txt", 1000) is not None) == whole_lines, VECTORS[:end][-40:]


LINES = st.sampled_from(
    [
        b"",
        b" ",
        b"word 1 2 3",
        b"word 1 2 3",
        b"other\t1 2 3",
        b"w 1 2",
        b"w 1e38 1e39 2",
        b"w 70000 1 2",
        b"w nan 1 2",
        b"w 1 inf 2",
        b"\xff\xfe 1 2 3",
        b"w  1 2",
        b" 1 2 3",
        b"\0 1 2 3",
        b"w 1 2 3\r",
        b"<unk> 1 2 3",
        b"<pad> 1 2 3",
        b"9999999999 3",
        b"3 3",
        b"w 0x1 1_0 1",
        "\u202e 1 2 3".encode(),
        b"\xef\xbb\xbf 1 2 3",
        b"a b c d",
        b"w " + b"1 " * 300_000,
        "word\u00a0x 1 2 3".encode(),
        b"w 1 2 3 ",
    ]
)


@given(st.lists(LINES, max_size=6), st.sampled_from([b"\n", b"\r\n", b"\r", b"\n\n"]))
@examples(120)
def test_vectors_of_odd_lines(folder: Path, lines: list[bytes], between: bytes) -> None:
    (folder / "odd.txt").write_bytes(between.join([*lines, b""]))
    vectors(folder / "odd.txt", 4)


def test_any_path_of_vectors_is_there_or_a_sentence() -> None:
    for path in ODD_TEXTS:
        assert vectors(Path(path), 10) is None
