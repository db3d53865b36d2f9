"""Datasets from files in their publishers' layout, written here, and from the real ones."""

import csv
import gzip
import io
import os
import shutil
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from ftcore import paths
from ftcore.data import ag_news, datasets, imdb, imdb_archive
from ftcore.data.text_dataset import DatasetSpec, TextDataset
from ftcore.errors import UnfreezeError
from ftcore.events import Event, Progress, drain
from tests.helpers.file_server import FileServer

REVIEWS = {
    "train/pos/0_9.txt": b"A fine film.",
    "train/pos/1_10.txt": b"It stayed with me.",
    "train/neg/0_2.txt": b"Dull<br />from start to end.",
    "test/pos/7_8.txt": b"Worth a ticket.",
    "test/neg/7_1.txt": b"I left early.",
}
OTHER = {
    "imdb.vocab": b"the\nand\n",
    "train/unsup/0_0.txt": b"Nobody rated this.",
    "train/labeledBow.feat": b"0:1 " * 4_000_000,  # the official archive has larger ones
    "train/pos/._0_9.txt": b"what a Mac leaves behind",
}
ROWS = [
    ("3", "Shares rise", "Oil fell\\to a low."),
    ("1", "Vote today", "Polls open, at last."),
    ("2", "Late goal", 'A "quiet" match ends.'),
    ("4", "New chip", "It is small."),
]
CUT = "no tar.gz archive, is damaged, or is cut short: fetch it again"


def member(
    name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.type = len(data), kind
    return info, data


def archive(path: Path, files: dict[str, bytes], *more: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, data in [*(member(f"aclImdb/{name}", files[name]) for name in files), *more]:
            tar.addfile(info, io.BytesIO(data))
    return path


def folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def csvs(path: Path, rows: list[tuple[str, ...]] | None = None) -> Path:
    path.mkdir(exist_ok=True)
    for part in ("train", "test"):
        with (path / f"{part}.csv").open("w", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(ROWS if rows is None else rows)
    return path


def load(name: str, source: object = "") -> TextDataset:
    return drain(datasets.load(name, str(source)))


def test_imdb_reads_alike_from_archive_folder_and_its_parent(tmp_path: Path) -> None:
    packed = load("imdb", archive(tmp_path / "imdb.tar.gz", REVIEWS | OTHER))
    # The other way round on disk: the order must not come from there.
    folder(tmp_path / "aclImdb", dict(reversed((REVIEWS | OTHER).items())))
    unpacked, parent = load("imdb", tmp_path / "aclImdb"), load("imdb", tmp_path)
    assert packed.train.texts == [
        "Dull<br />from start to end.",
        "A fine film.",
        "It stayed with me.",
    ]
    assert packed.train.labels == [0, 1, 1]
    assert packed.test.labels == [0, 1]
    assert packed.labels == ("negative", "positive")
    assert packed.source == str(tmp_path / "imdb.tar.gz")
    assert packed.fingerprint == unpacked.fingerprint == parent.fingerprint
    assert (packed.train, packed.test) == (unpacked.train, unpacked.test)


def test_fingerprint_follows_every_text_and_label(tmp_path: Path) -> None:
    moved = dict(REVIEWS)
    moved["train/neg/1_2.txt"] = moved.pop("train/pos/1_10.txt")
    changed = REVIEWS | {"test/neg/7_1.txt": b"I left early!"}
    seen = {
        load("imdb", folder(tmp_path / str(number), files)).fingerprint
        for number, files in enumerate((REVIEWS, moved, changed))
    }
    assert len(seen) == 3


def test_bytes_that_are_no_text_are_shown_as_such(tmp_path: Path) -> None:
    files = REVIEWS | {"test/pos/7_8.txt": b"caf\xe9"}
    assert load("imdb", archive(tmp_path / "a.tar.gz", files)).test.texts[1] == "caf�"


def test_empty_texts_are_left_out_and_counted(tmp_path: Path) -> None:
    data = load("imdb", folder(tmp_path, REVIEWS | {"train/pos/5_9.txt": b" \n"}))
    assert len(data.train.texts) == len(data.train.labels) == 3
    assert data.source.endswith("(1 empty texts left out)")


@pytest.mark.parametrize(
    "bad",
    [
        member("../outside.txt", b"x"),
        member("aclImdb/train/../../../outside.txt", b"x"),
        member("/etc/outside.txt", b"x"),
        member("aclImdb/train/pos/9_9.txt", kind=tarfile.SYMTYPE),
        member("aclImdb/train/pos/9_9.txt", kind=tarfile.LNKTYPE),
        member("aclImdb/train/pos/9_9.txt", kind=tarfile.CHRTYPE),
        member("aclImdb/train/pos/9_9.txt", kind=tarfile.BLKTYPE),
        member("aclImdb/train/pos/9_9.txt", kind=tarfile.FIFOTYPE),
    ],
    ids=[
        "parent",
        "inner parent",
        "absolute",
        "symbolic link",
        "hard link",
        "device",
        "disk",
        "pipe",
    ],
)
def test_members_that_climb_out_are_refused(
    tmp_path: Path, bad: tuple[tarfile.TarInfo, bytes]
) -> None:
    bad[0].linkname = "/etc/hostname" if bad[0].type != tarfile.REGTYPE else ""
    path = archive(tmp_path / "a.tar.gz", REVIEWS, bad)
    there = set(tmp_path.parent.rglob("*"))
    with pytest.raises(UnfreezeError, match="leads out of the archive"):
        load("imdb", path)
    assert set(tmp_path.parent.rglob("*")) == there and not Path("/etc/outside.txt").exists()


def test_a_review_that_is_none_by_its_size(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", REVIEWS | {"train/pos/2_9.txt": bytes(11_000_000)})
    with pytest.raises(UnfreezeError, match=r"far more than reviews .*2_9\.txt"):
        load("imdb", path)


def test_an_archive_that_swells_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imdb_archive, "_MAX_ARCHIVE", 1_000_000)
    path = archive(tmp_path / "a.tar.gz", REVIEWS | OTHER)
    with pytest.raises(UnfreezeError, match="far more than reviews"):
        load("imdb", path)


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
)
def test_a_header_that_swells_does_not_fill_the_memory(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("notes")
    header.type, header.size = kind, 1_000_000_000
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", 1) as packed:  # 64 MB of a header that claims a gigabyte
        packed.write(header.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(64):
            packed.write(bytes(1_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(UnfreezeError, match="unpacks to far more than reviews"):
            load("imdb", path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_an_archive_that_swells_in_what_is_skipped_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imdb_archive, "_MAX_ARCHIVE", 20_000_000)
    skipped = {f"train/unsup/{number}_0.bin": bytes(9_000_000) for number in range(3)}
    path = archive(tmp_path / "a.tar.gz", REVIEWS | skipped)
    assert path.stat().st_size < 100_000
    with pytest.raises(UnfreezeError, match="unpacks to far more than reviews"):
        load("imdb", path)


def test_a_size_below_zero_does_not_read_the_same_for_ever(tmp_path: Path) -> None:
    bad = tarfile.TarInfo("aclImdb/train/pos/9_9.txt")
    data = bytearray(bad.tobuf(tarfile.GNU_FORMAT))
    data[124:136] = (-512).to_bytes(12, "big", signed=True)  # leads tarfile back to this header
    data[148:156] = b"%06o\0 " % tarfile.calc_chksums(data)[0]
    path = tmp_path / "a.tar.gz"
    first = tarfile.TarInfo("aclImdb/README").tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(gzip.compress(first + bytes(data) + bytes(10_240)))
    with pytest.raises(UnfreezeError, match=CUT):
        load("imdb", path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
@pytest.mark.parametrize("name", ["imdb", "ag_news"])
def test_a_pipe_in_a_files_place_does_not_hang(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "train.csv")
    with pytest.raises(UnfreezeError, match="neither a file nor a folder"):
        load(name, tmp_path / "train.csv")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of a few hundred members, so that it can be damaged in many places."""
    texts = {f"train/unsup/{n}_0.txt": b"%d words of no weight" % (n * 7919) for n in range(300)}
    return archive(tmp_path_factory.mktemp("packed") / "a.tar.gz", REVIEWS | texts)


@given(share=st.floats(0, 1, exclude_max=True))
def test_an_archive_cut_short_anywhere_is_refused(packed: Path, share: float) -> None:
    data = packed.read_bytes()
    cut = packed.with_name("cut.tar.gz")
    cut.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UnfreezeError, match=CUT):
        load("imdb", cut)


@given(share=st.floats(0, 1, exclude_max=True), flipped=st.integers(1, 255))
def test_a_damaged_archive_is_refused_or_reads_the_same(
    packed: Path, share: float, flipped: int
) -> None:
    data = bytearray(packed.read_bytes())
    data[int(len(data) * share)] ^= flipped
    damaged = packed.with_name("damaged.tar.gz")
    damaged.write_bytes(data)
    try:
        found = load("imdb", damaged).fingerprint  # gzip's header has bytes that mean nothing
    except UnfreezeError:
        return
    assert found == load("imdb", packed).fingerprint


@pytest.mark.parametrize("content", [b"", b"not an archive at all", bytes(5000)])
def test_a_file_that_is_no_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(UnfreezeError, match=CUT):
        load("imdb", tmp_path / "a.tar.gz")


@pytest.mark.parametrize("gone", ["train/neg", "test/pos"])
@pytest.mark.parametrize("write", [folder, archive])
def test_a_class_without_reviews_is_named(tmp_path: Path, gone: str, write: object) -> None:
    files = {name: data for name, data in REVIEWS.items() if not name.startswith(gone)}
    path = write(tmp_path / "data", files)  # type: ignore[operator]
    with pytest.raises(UnfreezeError, match=f"no reviews in aclImdb/{gone}"):
        load("imdb", path)


@pytest.mark.parametrize("name", ["imdb", "ag_news"])
def test_a_path_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnfreezeError, match=r"nowhere is not there"):
        load(name, tmp_path / "nowhere")


def test_an_address_is_not_taken_for_a_path() -> None:
    with pytest.raises(
        UnfreezeError, match=r"example\.org/aclImdb\.tar\.gz is an address: download"
    ):
        load("imdb", "https://example.org/aclImdb.tar.gz")


def test_an_unknown_dataset_is_named() -> None:
    with pytest.raises(UnfreezeError, match="'yelp'; choose one of sample, imdb, ag_news"):
        load("yelp")


def test_ag_news_joins_title_and_description(tmp_path: Path) -> None:
    data = load("ag_news", csvs(tmp_path))
    assert data.labels == ("World", "Sports", "Business", "Sci/Tech")
    assert data.train.labels == [2, 0, 1, 3]
    assert data.train.texts[0] == "Shares rise Oil fell to a low."
    assert data.train.texts[2] == 'Late goal A "quiet" match ends.'
    assert load("ag_news", tmp_path / "train.csv").fingerprint == data.fingerprint


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([("Class Index", "Title", "Description"), *ROWS], "row 1 has class 'Class Index'.*header"),
        ([*ROWS, ("1", "no description")], "row 5 has 2 columns"),
        ([*ROWS, ("1", "a", "b", "c")], "row 5 has 4 columns"),
        ([*ROWS, ("5", "a", "b")], "row 5 has class '5'"),
        (ROWS[1:], "no row of class Business after 3 rows"),
        ([], "no row of class World after 0 rows"),
    ],
    ids=["header", "few columns", "many columns", "class", "class missing", "empty"],
)
def test_an_ag_news_file_that_is_not_official(
    tmp_path: Path, rows: list[tuple[str, ...]], sentence: str
) -> None:
    with pytest.raises(UnfreezeError, match=sentence):
        load("ag_news", csvs(tmp_path, rows))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'"1","a","b"\n"2","cut in the mid', "after row 1.*fetch the file again"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "row 1 has 1 columns"),
        (b'"1","a","' + b"x" * 200_000 + b'"', "after row 0"),
    ],
    ids=["cut short", "binary", "endless"],
)
def test_an_ag_news_file_that_is_broken(tmp_path: Path, content: bytes, sentence: str) -> None:
    (csvs(tmp_path) / "train.csv").write_bytes(content)
    with pytest.raises(UnfreezeError, match=sentence):
        load("ag_news", tmp_path)


def test_an_ag_news_folder_without_its_test_part(tmp_path: Path) -> None:
    (csvs(tmp_path) / "test.csv").unlink()
    with pytest.raises(UnfreezeError, match=r"has no test\.csv"):
        load("ag_news", tmp_path)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A mirror of both publishers."""
    files = {
        "imdb.tar.gz": archive(tmp_path / "imdb.tar.gz", REVIEWS).read_bytes(),
        **{f"ag/{file.name}": file.read_bytes() for file in csvs(tmp_path / "ag").iterdir()},
    }
    with FileServer(files) as server:
        monkeypatch.setenv("UNFREEZE_IMDB_URL", f"{server.url}/imdb.tar.gz")
        monkeypatch.setenv("UNFREEZE_AG_NEWS_URL", f"{server.url}/ag/")
        yield server


@pytest.mark.parametrize("name", ["imdb", "ag_news"])
def test_downloads_from_a_mirror_once(server: FileServer, name: str) -> None:
    events: list[Event] = []
    data = drain(datasets.load(name), events.append)
    phases = [event.phase for event in events if isinstance(event, Progress)]
    assert phases[0] == "downloading"
    assert data.source.startswith(server.url)
    asked = len(server.requests)
    assert load(name).fingerprint == data.fingerprint
    assert len(server.requests) == asked


def test_a_mirrors_file_that_is_no_archive_is_not_kept(server: FileServer) -> None:
    good = server.files["imdb.tar.gz"]
    server.files["imdb.tar.gz"] = b"<html>please log in</html>"
    with pytest.raises(UnfreezeError, match=CUT):
        load("imdb")
    server.files["imdb.tar.gz"] = good
    assert len(load("imdb").train.texts) == 3


def test_the_official_file_is_held_to_its_checksum(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(server.files["imdb.tar.gz"])
    monkeypatch.setitem(imdb.SPEC.checksums, paths.imdb_url(), (size, "0" * 32))
    with pytest.raises(UnfreezeError, match="arrived damaged"):
        load("imdb")


@pytest.mark.parametrize("spec", [imdb.SPEC, ag_news.SPEC], ids=["imdb", "ag_news"])
def test_every_official_file_has_a_checksum(spec: DatasetSpec) -> None:
    assert set(spec.checksums) == set(spec.files().values())


def test_the_sample_is_synthetic_and_always_the_same() -> None:
    data = load("sample")
    assert data.synthetic and "synthetic" in data.title
    assert data.fingerprint == load("sample").fingerprint
    assert set(data.train.labels) == set(data.test.labels) == {0, 1}


@given(size=st.integers(2, 3000), seed=st.integers(0, 2**31 - 1), limit=st.integers(0, 4000))
def test_split_takes_each_row_once_and_validation_is_the_same_for_any_limit(
    size: int, seed: int, limit: int
) -> None:
    train, val = datasets.split(size, seed)
    assert sorted(train + val) == list(range(size))
    assert len(val) == max(1, size - int(size * 0.95))
    few, same = datasets.split(size, seed, limit)
    assert same == val
    assert few == train[: limit or size]
    assert len(few) == min(limit or size, len(train)) > 0


def test_split_is_decided_by_the_seed_alone() -> None:
    assert datasets.split(1000, 7) == datasets.split(1000, 7)
    assert datasets.split(1000, 7) != datasets.split(1000, 8)
    assert datasets.split(25_000, 0)[1][:3] == [867, 16457, 6635], (
        "old runs would no longer be comparable"
    )


def test_one_text_cannot_be_split() -> None:
    with pytest.raises(UnfreezeError, match="at least two"):
        datasets.split(1, 0)


def test_split_fingerprint_follows_the_texts_and_their_parts_but_not_their_order() -> None:
    data = load("sample")
    train, val = datasets.split(len(data.train.texts), 0)
    print_ = datasets.split_fingerprint(data, train, val)
    assert print_ == datasets.split_fingerprint(data, train[::-1], val)
    assert print_ != datasets.split_fingerprint(data, train[:-1], val)
    assert print_ != datasets.split_fingerprint(data, val, train)


def test_cancelled_reading_closes_the_archive(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.tar.gz", REVIEWS)
    task = datasets.load("imdb", str(path))
    next(task)
    task.close()
    shutil.move(path, tmp_path / "moved")  # an open file could not be moved on Windows


def test_real_imdb(shared_data: Path) -> None:
    events: list[Event] = []
    task = datasets.load("imdb", str(shared_data / "aclImdb.tar.gz"))
    data = drain(task, events.append)
    assert [data.train.labels.count(label) for label in (0, 1)] == [12_500, 12_500]
    assert [data.test.labels.count(label) for label in (0, 1)] == [12_500, 12_500]
    assert len(events) > 50
    last = events[-1]
    assert isinstance(last, Progress) and last.done == last.total


def test_real_ag_news(shared_data: Path) -> None:
    data = load("ag_news", shared_data / "ag_news_csv")
    assert [data.test.labels.count(label) for label in range(4)] == [1900] * 4
    assert not any("\\" in text for text in data.test.texts)


def test_a_dataset_is_available_once_it_is_downloaded(home: Path) -> None:
    assert datasets.is_available("sample")
    assert not datasets.is_available("ag_news")
    assert not datasets.is_available("imdb", str(home / "gone"))
    assert not datasets.is_available("poems")
    for file in datasets.download_paths("ag_news"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    assert datasets.is_available("ag_news")
