"""IMDB from its archive and its folder, and from damaged and malicious archives."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from ftcore.data import archives, datasets
from ftcore.data.text_dataset import Texts
from ftcore.errors import UnfreezeError
from tests.helpers.dataset_files import REVIEWS, archive, folder, load, load_if_valid, member
from tests.helpers.fuzzing import ODD_BYTES, ODD_TEXTS, damaged, examples

OTHER = {
    "imdb.vocab": b"the\nand\n",
    "train/unsup/0_0.txt": b"Nobody rated this.",
    "train/labeledBow.feat": b"0:1 " * 4_000_000,  # the official archive has larger ones
    "train/pos/._0_9.txt": b"written by macOS",
    "test/pos/7_8.txt": b"caf\xe9",
}
DAMAGED = "no tar or zip archive, is damaged, or is cut short: fetch it again"
TOO_LARGE = "unpacks to far more than texts"


def test_archive_folder_and_parent_folder_read_alike(tmp_path):
    packed = load("imdb", archive(tmp_path / "imdb.tar.gz", REVIEWS | OTHER))
    # In reverse order on disk, which must not matter.
    folder(tmp_path / "aclImdb", dict(reversed((REVIEWS | OTHER).items())))
    unpacked, parent = load("imdb", tmp_path / "aclImdb"), load("imdb", tmp_path)
    texts = ["Dull<br />from start to end.", "A fine film.", "It stayed with me."]
    assert packed.train == Texts(texts, [0, 1, 1])
    assert packed.test == Texts(["I left early.", "caf\u00e9"], [0, 1])
    assert packed.labels == ("negative", "positive")
    assert packed.source == str(tmp_path / "imdb.tar.gz")
    assert packed.fingerprint == unpacked.fingerprint == parent.fingerprint
    assert (packed.train, packed.test) == (unpacked.train, unpacked.test)
    assert packed.reading == unpacked.reading


def plain(content, **options):
    return content


@pytest.mark.parametrize("pack", [plain, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("root", ["aclImdb", "data/aclImdb", "./aclImdb", "my-reviews", ""])
def test_tar_with_any_compression_and_any_folder_is_read(tmp_path, pack, root):
    expected = load("imdb", archive(tmp_path / "imdb.tar.gz", REVIEWS)).fingerprint
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:") as tar:
        for name, data in REVIEWS.items():
            info, data = member(f"{root}/{name}" if root else name, data)
            tar.addfile(info, io.BytesIO(data))
    # The name of the file does not say what it is.
    (tmp_path / "reviews").write_bytes(pack(content.getvalue()))
    assert load("imdb", tmp_path / "reviews").fingerprint == expected


def zipped(path, names, kind=stat.S_IFREG):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in names.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (kind | 0o644) << 16
            content.writestr(info, data)
    return path


def test_zip_is_read_and_an_unsafe_one_refused(tmp_path):
    expected = load("imdb", archive(tmp_path / "imdb.tar.gz", REVIEWS)).fingerprint
    mac = {"__MACOSX/aclImdb/train/pos/._0_9.txt": b"\0\5\x16\7"}
    for sep in "/\\":
        names = {sep.join(["aclImdb", *name.split("/")]): data for name, data in REVIEWS.items()}
        assert load("imdb", zipped(tmp_path / "a.zip", names | mac)).fingerprint == expected
    for bad in ("../outside.txt", "/etc/outside.txt", "a\\..\\..\\outside.txt"):
        with pytest.raises(UnfreezeError, match="leads out of the archive"):
            load("imdb", zipped(tmp_path / "a.zip", names | {bad: b"x"}))
    with pytest.raises(UnfreezeError, match="leads out of the archive"):
        load("imdb", zipped(tmp_path / "a.zip", names, stat.S_IFLNK))
    with pytest.raises(UnfreezeError, match=r"more than texts .*9_9\.txt"):
        load("imdb", zipped(tmp_path / "a.zip", names | {"train/pos/9_9.txt": bytes(11_000_000)}))
    content = zipped(tmp_path / "a.zip", names).read_bytes()
    for end in (5, len(content) // 2, len(content) - 30):
        (tmp_path / "a.zip").write_bytes(content[:end])
        with pytest.raises(UnfreezeError, match=DAMAGED):
            load("imdb", tmp_path / "a.zip")


def test_zip_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_ARCHIVE", 1_000_000)
    names = {f"{n}.bin": bytes(400_000) for n in range(3)}
    with pytest.raises(UnfreezeError, match=TOO_LARGE):
        load("imdb", zipped(tmp_path / "a.zip", REVIEWS | names))


@pytest.mark.parametrize(
    ("start", "name"),
    [(b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\7", "RAR"), (b"(\xb5/\xfd", "Zst")],
)
def test_archive_that_cannot_be_read_is_called_what_it_is(tmp_path, start, name):
    (tmp_path / "a").write_bytes(start + bytes(600))
    with pytest.raises(UnfreezeError, match=f"is a {name}.*unpack it"):
        load("imdb", tmp_path / "a")


def test_folder_some_levels_up_is_read_unless_there_are_two(tmp_path):
    expected = load("imdb", folder(tmp_path / "a" / "b", REVIEWS)).fingerprint
    assert load("imdb", tmp_path).fingerprint == expected
    folder(tmp_path / "a" / "c", REVIEWS)
    with pytest.raises(UnfreezeError, match=r"several places, .*b and .*c: give one"):
        load("imdb", tmp_path)
    names = {f"{root}/{name}": data for root in "bc" for name, data in REVIEWS.items()}
    with pytest.raises(UnfreezeError, match="several places, b and c: give one"):
        load("imdb", zipped(tmp_path / "a.zip", names))


@pytest.mark.parametrize("write", [folder, archive])
def test_other_endings_are_read_in_capitals_else_named(tmp_path, write):
    more = {"train/pos/2_9.TXT": b"Bright.", "train/neg/a.html": b"<p>", "test/neg/b": b"x"}
    more |= {"train/pos/.DS_Store": b"\0", "test/pos/c.html": b"<p>"}
    dataset = load("imdb", write(tmp_path / "data", REVIEWS | more))
    assert dataset.train.texts[-1] == "Bright."
    note = "Files with other endings than .txt were left out (no ending: 1, .html: 2)."
    assert dataset.reading.notes == (note,)


def test_folders_and_broken_links_among_reviews_are_named(tmp_path):
    source = folder(tmp_path / "data", REVIEWS | {"train/pos/more/2_9.txt": b"Bright."})
    (source / "test/neg/9_1.txt").symlink_to("nowhere")
    note = "Folders and broken links among the reviews were left out (train/pos/more, test/neg/9_1.txt)."
    assert load("imdb", source).reading.notes == (note,)
    assert datasets.version("imdb", str(source))
    more = {"train/pos/more/2_9.txt": b"Bright.", "train/pos/.hidden/x.txt": b"x"}
    packed = archive(tmp_path / "packed" / "a.tar.gz", REVIEWS | more)
    assert load("imdb", packed).reading.notes == (note.replace(", test/neg/9_1.txt", ""),)


KINDS = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)


def test_unsafe_member_is_refused(tmp_path):
    unsafe = [member(f"{path}/outside.txt", b"x") for path in ("..", "aclImdb/a/../../..", "/etc")]
    unsafe += [member("aclImdb/train/pos/9_9.txt", kind=kind) for kind in KINDS]
    for number, bad in enumerate(unsafe):
        path = archive(tmp_path / "a" / f"{number}.tar.gz", REVIEWS, bad)
        with pytest.raises(UnfreezeError, match="leads out of the archive"):
            load("imdb", path)
    assert not [*tmp_path.parent.rglob("outside.txt"), *Path("/etc").glob("outside.txt")]


@pytest.mark.parametrize(
    ("limit", "more", "message"),
    [
        (1_000_000, OTHER, "far more than texts"),
        (20_000_000, {f"train/unsup/{n}.bin": bytes(9_000_000) for n in range(3)}, TOO_LARGE),
        (2_000_000_000, {"train/pos/2_9.txt": bytes(11_000_000)}, r"more than texts .*2_9\.txt"),
    ],
    ids=["member", "skipped members", "review"],
)
def test_archive_that_decompresses_to_too_much_is_refused(
    tmp_path, monkeypatch, limit, more, message
):
    monkeypatch.setattr(archives, "MAX_ARCHIVE", limit)
    path = archive(tmp_path / "a.tar.gz", REVIEWS | more)
    assert path.stat().st_size < 100_000
    with pytest.raises(UnfreezeError, match=message):
        load("imdb", path)


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
)
def test_huge_header_does_not_fill_the_memory(tmp_path, kind):
    header = tarfile.TarInfo("notes")
    header.type, header.size = kind, 1_000_000_000
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", 1) as packed:  # 64 MB of a header that claims a gigabyte
        packed.write(header.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(64):
            packed.write(bytes(1_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(UnfreezeError, match=TOO_LARGE):
            load("imdb", path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_negative_size_does_not_loop_forever(tmp_path):
    bad = tarfile.TarInfo("aclImdb/train/pos/9_9.txt")
    data = bytearray(bad.tobuf(tarfile.GNU_FORMAT))
    data[124:136] = (-512).to_bytes(12, "big", signed=True)  # leads tarfile back to this header
    data[148:156] = b"%06o\0 " % tarfile.calc_chksums(data)[0]
    path = tmp_path / "a.tar.gz"
    first = tarfile.TarInfo("aclImdb/README").tobuf(tarfile.GNU_FORMAT)
    path.write_bytes(gzip.compress(first + bytes(data) + bytes(10_240)))
    with pytest.raises(UnfreezeError, match=DAMAGED):
        load("imdb", path)


@pytest.mark.parametrize("write", [folder, archive])
def test_class_without_reviews_is_named(tmp_path, write):
    path = write(tmp_path / "data", {"train/pos/0_9.txt": b"A fine film."})
    with pytest.raises(UnfreezeError, match="no reviews in aclImdb/train/neg"):
        load("imdb", path)


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    path = tmp_path_factory.mktemp("archives") / "valid.tar.gz"
    return archive(path, REVIEWS | {"README": b"About."})


@given(st.data())
@examples(60)
def test_damaged_archive_is_refused_or_reads_the_same(valid, data):
    """The tar in a valid gzip file may be damaged too, as tar and gzip are often two processes."""
    packed = valid.read_bytes()
    content = gzip.decompress(packed)
    bad = data.draw(damaged(content))
    path = valid.with_name("damaged.tar.gz")
    for damage, must_equal in (
        (data.draw(damaged(packed)), True),
        (gzip.compress(bad, 1), content.startswith(bad)),  # true if only the padding was cut
    ):
        path.write_bytes(damage)
        dataset = load_if_valid("imdb", path)
        if dataset is not None and must_equal:
            assert dataset.fingerprint == load("imdb", valid).fingerprint


def test_cut_or_empty_archive_is_refused(valid):
    content = gzip.decompress(valid.read_bytes())
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        ends = [info.offset for info in tar] + [tar.offset]
    path = valid.with_name("cut.tar.gz")
    for data in (b"", b"text", bytes(5000), *(gzip.compress(content[:end], 1) for end in ends)):
        path.write_bytes(data)
        with pytest.raises(UnfreezeError, match=DAMAGED):
            load("imdb", path)


NAMES = ["aclImdb/train/pos/x.txt", "./aclImdb/test/neg/9_1.txt", "train/pos/1_1.txt", *ODD_TEXTS]
ALL_KINDS = [*KINDS, tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.GNUTYPE_SPARSE, b"?"]
CONTENTS = st.sampled_from([*ODD_BYTES, b"\n" * 9000, "\u202eabc".encode()])


@given(
    st.fixed_dictionaries(dict.fromkeys(REVIEWS, CONTENTS)),
    st.lists(st.tuples(st.sampled_from(NAMES), CONTENTS, st.sampled_from(ALL_KINDS))),
)
@examples(60)
def test_odd_members(valid, files, members):
    odd = [
        member(name.encode("utf-8", "replace").decode() or "x", data, kind)
        for name, data, kind in members
    ]
    load_if_valid("imdb", archive(valid.with_name("odd.tar.gz"), files, *odd))
    load_if_valid("imdb", archive(valid.with_name("odd.tar.gz"), REVIEWS, *odd))
