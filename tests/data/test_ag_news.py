"""AG News from its CSV files, and from damaged and odd ones."""

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
        (b"\x89PNG\r\n\x1a\n\x00\x00", "row 1 has 1 columns"),
        (b'"1","a","' + b"x" * 200_000 + b'"', "after row 0"),
    ],
    ids=range(9),
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


def test_csv_cut_within_a_row_is_refused(folder):
    """Between two rows, only a missing class or the size of the official file tells."""
    content = (folder / "test.csv").read_bytes()
    for end in range(len(content)):
        (folder / "train.csv").write_bytes(content[:end])
        between_rows = content[:end].endswith((b"\n", b"\r"))
        assert load_if_valid("ag_news", folder) is None or between_rows, content[:end]


CELLS = st.sampled_from([*ODD_TEXTS, "1", "2", "3", "4", "5", "0", "\uff11"])
ODD_ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4).map(",".join), max_size=6)


@given(st.data())
@examples(140)
def test_damaged_csv_or_odd_rows(folder, data):
    content = (folder / "test.csv").read_bytes()
    odd = ODD_ROWS.map(lambda rows: "\n".join(rows).encode("utf-8", "replace"))
    (folder / "train.csv").write_bytes(data.draw(damaged(content) | odd | odd.map(content.__add__)))
    load_if_valid("ag_news", folder)


@pytest.mark.parametrize(("encoding", "is_valid"), [("utf-8-sig", True), ("utf-16", False)])
def test_byte_order_mark_as_excel_writes_it(tmp_path, encoding, is_valid):
    valid = load("ag_news", csvs(tmp_path))
    file = tmp_path / "train.csv"
    file.write_text(file.read_text("utf-8"), encoding)
    dataset = load_if_valid("ag_news", tmp_path)
    assert (dataset and dataset.fingerprint) == (valid.fingerprint if is_valid else None)
