"""AG News from its CSV files, and from damaged and odd ones."""

import csv
import shutil

import pytest
from hypothesis import given, strategies as st

from ftcore.errors import UnfreezeError
from tests.helpers.dataset_files import ROWS, csvs, load, load_if_valid
from tests.helpers.fuzzing import ODD_TEXTS, damaged, examples


def test_title_and_description_are_joined(tmp_path):
    dataset = load("ag_news", csvs(tmp_path))
    assert dataset.labels == ("World", "Sports", "Business", "Sci/Tech")
    assert dataset.train.labels == [2, 0, 1, 3]
    assert dataset.train.texts[0] == "Shares rise Oil fell to a low."
    assert dataset.train.texts[2] == 'Late goal A "quiet" match ends.'
    assert load("ag_news", tmp_path / "train.csv").fingerprint == dataset.fingerprint


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("Class Index", "Title", "Description"), *ROWS], "row 1 has class 'Class Index'.*header"),
        ([*ROWS, ("1", "no description")], "row 5 has 2 columns"),
        ([*ROWS, ("1", "a", "b", "c")], "row 5 has 4 columns"),
        ([*ROWS, ("5", "a", "b")], "row 5 has class '5'"),
        (ROWS[1:], "no row of class Business"),
        ([], "no row of class World"),
        (b'"1","a","b"\n"2","cut in the mid', "after row 1.*fetch it again"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "or it is not text"),
        (b"<html>404</html>", "row 1 has 1 column:"),
        (b'"1","a","' + b"x" * 11_000_000 + b'"', "after row 0"),
    ],
    ids=range(10),
)
def test_wrong_rows_are_refused(tmp_path, rows, message):
    if isinstance(rows, bytes):
        (csvs(tmp_path) / "train.csv").write_bytes(rows)
    else:
        csvs(tmp_path, rows)
    with pytest.raises(UnfreezeError, match=message):
        load("ag_news", tmp_path)


def test_missing_test_file_is_named(tmp_path):
    (csvs(tmp_path) / "test.csv").unlink()
    with pytest.raises(UnfreezeError, match=r"has no test\.csv"):
        load("ag_news", tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return csvs(tmp_path_factory.mktemp("csv"), [*ROWS, *ROWS])


def test_csv_cut_within_a_row_is_refused_or_noted(folder):
    """Between two rows, only a missing class or the size of the official file tells."""
    content = (folder / "test.csv").read_bytes()
    for end in range(len(content)):
        (folder / "train.csv").write_bytes(content[:end])
        between_rows = content[:end].endswith((b"\n", b"\r"))
        dataset = load_if_valid("ag_news", folder)
        assert dataset is None or between_rows or "cut short" in dataset.reading.notes[0]


@pytest.mark.parametrize("blank", [b"\r\n", b"\n\n", b"  \r\n", b",,\r\n", b'"",""\n'])
def test_blank_line_is_no_row(tmp_path, blank):
    expected = load("ag_news", csvs(tmp_path)).fingerprint
    content = (tmp_path / "train.csv").read_bytes()
    first = content.index(b"\n") + 1
    for changed in (content + blank, blank + content, content[:first] + blank + content[first:]):
        (tmp_path / "train.csv").write_bytes(changed)
        dataset = load("ag_news", tmp_path)
        assert dataset.fingerprint == expected and dataset.reading.notes == ()


def test_last_row_without_a_line_break_is_read(tmp_path):
    expected = load("ag_news", csvs(tmp_path)).fingerprint
    content = (tmp_path / "train.csv").read_bytes()
    (tmp_path / "train.csv").write_bytes(content.rstrip())
    dataset = load("ag_news", tmp_path)
    assert dataset.fingerprint == expected
    assert dataset.reading.notes == (
        "train.csv ends without a line break, so its last row may be cut short.",
    )


def test_long_text_is_read(tmp_path):
    csvs(tmp_path, [*ROWS, ("1", "Long", "word " * 100_000)])
    assert len(load("ag_news", tmp_path).train.texts[-1]) > 500_000


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_are_read(tmp_path, separator):
    expected = load("ag_news", csvs(tmp_path)).fingerprint
    with (tmp_path / "train.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(ROWS)
    dataset = load("ag_news", tmp_path)
    assert dataset.fingerprint == expected
    assert (dataset.reading.encoding, dataset.reading.separator) == ("", ""), "of both files"


@pytest.mark.parametrize("kind", ["tar", "gztar", "bztar", "xztar", "zip"])
def test_archive_and_folder_above_are_read(tmp_path, kind):
    expected = load("ag_news", csvs(tmp_path / "x")).fingerprint
    csvs(tmp_path / "x" / "ag_news_csv")
    for name in ("train.csv", "test.csv"):
        (tmp_path / "x" / name).unlink()
    assert load("ag_news", tmp_path).fingerprint == expected
    packed = shutil.make_archive(str(tmp_path / "news"), kind, tmp_path / "x")
    assert load("ag_news", packed).fingerprint == expected
    (tmp_path / "x" / "ag_news_csv" / "test.csv").rename(tmp_path / "x" / "test.csv")
    other = shutil.make_archive(str(tmp_path / "other"), kind, tmp_path / "x")
    with pytest.raises(UnfreezeError, match=r"does not hold train\.csv and test\.csv: give"):
        load("ag_news", other)


def test_file_that_would_not_be_read_is_refused(tmp_path):
    csvs(tmp_path)
    for name in ("my_news.csv", "train.csv.bak", "Train.CSV"):
        (tmp_path / name).write_bytes((tmp_path / "train.csv").read_bytes())
        with pytest.raises(
            UnfreezeError, match=r"two: give the folder that has train\.csv and test"
        ):
            load("ag_news", tmp_path / name)


CELLS = st.sampled_from([*ODD_TEXTS, "1", "2", "3", "4", "5", "0", "\uff11"])
ODD_ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4).map(",".join), max_size=6)


@given(st.data())
@examples(140)
def test_damaged_csv_or_odd_rows(folder, data):
    content = (folder / "test.csv").read_bytes()
    odd = ODD_ROWS.map(lambda rows: "\n".join(rows).encode("utf-8", "replace"))
    (folder / "train.csv").write_bytes(data.draw(damaged(content) | odd | odd.map(content.__add__)))
    load_if_valid("ag_news", folder)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_other_encodings_read_the_same(tmp_path, encoding):
    rows = [*ROWS, ("1", "Caf\u00e9 \u201cquoted\u201d", "It\u2019s late.")]
    expected = load("ag_news", csvs(tmp_path, rows)).fingerprint
    file = tmp_path / "train.csv"
    file.write_bytes(file.read_text("utf-8").encode(encoding))
    dataset = load("ag_news", tmp_path)
    assert dataset.fingerprint == expected
    assert len(dataset.reading.notes) == (encoding != "utf-8-sig")
