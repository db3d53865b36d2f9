"""IMDB from its archive and its folder, and from damaged and malicious archives."""

import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from ftcore.data import imdb
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
DAMAGED = "no tar.gz archive, is damaged, or is cut short: fetch it again"
TOO_LARGE = "unpacks to far more than reviews"


def test_archive_folder_and_parent_folder_read_alike(tmp_path):
    packed = load("imdb", archive(tmp_path / "imdb.tar.gz", REVIEWS | OTHER))
    # In reverse order on disk, which must not matter.
    folder(tmp_path / "aclImdb", dict(reversed((REVIEWS | OTHER).items())))
    unpacked, parent = load("imdb", tmp_path / "aclImdb"), load("imdb", tmp_path)
    texts = ["Dull<br />from start to end.", "A fine film.", "It stayed with me."]
    assert packed.train == Texts(texts, [0, 1, 1])
    assert packed.test == Texts(["I left early.", "caf\ufffd"], [0, 1])
    assert packed.labels == ("negative", "positive")
    assert packed.source == str(tmp_path / "imdb.tar.gz")
    assert packed.fingerprint == unpacked.fingerprint == parent.fingerprint
    assert (packed.train, packed.test) == (unpacked.train, unpacked.test)


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
        (1_000_000, OTHER, "far more than reviews"),
        (20_000_000, {f"train/unsup/{n}.bin": bytes(9_000_000) for n in range(3)}, TOO_LARGE),
        (2_000_000_000, {"train/pos/2_9.txt": bytes(11_000_000)}, r"more than reviews .*2_9\.txt"),
    ],
    ids=["member", "skipped members", "review"],
)
def test_archive_that_decompresses_to_too_much_is_refused(
    tmp_path, monkeypatch, limit, more, message
):
    monkeypatch.setattr(imdb, "_MAX_ARCHIVE", limit)
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
