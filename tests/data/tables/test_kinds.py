"""JSON documents, Parquet, spreadsheets, text files, folders and archives."""

import json
import zipfile

import pyarrow as pa
import pytest
from pyarrow import parquet

from ftcore.data.tables import sources
from ftcore.data.tables.recognition import recognize
from ftcore.data.tables.table_format import ROW
from ftcore.errors import UnfreezeError, UsageError
from tests.helpers.tables import read_table, write

ROWS = [{"text": f"a text with number {row}", "label": row % 3 * 111} for row in range(30)]
BY_COLUMN = {name: [row[name] for row in ROWS] for name in ("text", "label")}


@pytest.mark.parametrize(
    "document",
    [
        ROWS,
        {"features": [{"name": "text"}], "data": ROWS, "more": ["a"]},
        BY_COLUMN,
        {name: dict(enumerate(values)) for name, values in BY_COLUMN.items()},  # as pandas writes
        dict(enumerate(ROWS)),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_json(tmp_path, document, indent, monkeypatch):
    monkeypatch.setattr("ftcore.data.tables.json_document._CHUNK", 7)
    path = write(tmp_path / "table.json", json.dumps(document, indent=indent), "utf-8-sig")
    form, table, _ = read_table(path)
    assert (form.kind, form.columns) == ("json", ("text", "label"))
    assert table["text"].to_pylist() == BY_COLUMN["text"]
    assert table["label"].to_pylist() == [str(label) for label in BY_COLUMN["label"]]
    assert table[ROW].to_pylist() == list(range(30))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"a": 1}, {"a": 2]', r"as JSON \(Expecting ',' delimiter at character 19\): correct it"),
        ('[{"a": 1} {"a": 2}]', r"\('{' in place of ',' at character 11\): correct it"),
        ('[{"a": 1}, {"a": 2', r"as JSON \(Expecting"),
        ('{"a": 1', r"as JSON \(the end in place of ',' at character 8\)"),
        ("[]", "has no rows"),
    ],
)
def test_json_with_faults(tmp_path, content, message):
    with pytest.raises(UnfreezeError, match=message):
        read_table(write(tmp_path / "table.json", content))


def test_the_place_of_a_fault_counts_from_the_start_of_a_document(tmp_path):
    content = "[" + '{"a": 1}, ' * 200_000 + '{"a" 2}]'  # read in several parts
    place = f"{content.index(' 2}') + 2:,}"
    with pytest.raises(UnfreezeError, match=rf"behind row 199,999 \(.* at character {place}\)"):
        read_table(write(tmp_path / "table.json", content))


def test_parquet(tmp_path):
    table = pa.table(
        {
            "text": pa.array(["one", None, "three"], pa.large_string()),
            "stars": [1, 2, None],
            "score": [1.0, 0.5, float("nan")],
            "ok": [True, False, None],
            "topic": pa.array(["a", "b", "a"]).dictionary_encode(),
            "user": [{"id": 1, "at": {"city": "x"}}, None, {"id": 3, "at": None}],
            "tags": [["a", "b"], None, []],
            "spans": [[{"start": 1}], [], None],
            "picture": [b"\x00", b"\xff", None],
        }
    )
    parquet.write_table(table, tmp_path / "table.parquet")
    form, read, _ = read_table(tmp_path / "table.parquet")
    assert form.lists == ("tags",)
    assert form.notes == ("Columns of bytes are left out: picture.",)
    assert read.to_pydict() == {
        "text": ["one", None, "three"],
        "stars": ["1", "2", None],
        "score": ["1", "0.5", None],
        "ok": ["true", "false", None],
        "topic": ["a", "b", "a"],
        "user.id": ["1", None, "3"],
        "user.at.city": ["x", None, None],
        "tags": [["a", "b"], None, []],
        "spans": ['[{"start": 1}]', "[]", None],
        ROW: [0, 1, 2],
    }


def test_names_of_classes_that_a_parquet_file_states(tmp_path):
    features = {
        "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
        "topics": {"feature": {"names": ["a", "b"], "_type": "ClassLabel"}, "_type": "List"},
    }
    schema = pa.schema({"label": pa.int64(), "topics": pa.list_(pa.int64())})
    schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    table = pa.table({"label": [1, 0, -1], "topics": [[1, 0], [], None]}, schema=schema)
    parquet.write_table(table, tmp_path / "table.parquet")
    form, read, _ = read_table(tmp_path / "table.parquet")
    assert read["label"].to_pylist() == ["pos", "neg", None]
    assert read["topics"].to_pylist() == [["b", "a"], [], None]
    assert "label and topics are replaced by the classes' names" in form.notes[0]


def test_a_damaged_parquet_file(tmp_path):
    parquet.write_table(pa.table({"text": ["one"] * 1000}), tmp_path / "table.parquet")
    content = (tmp_path / "table.parquet").read_bytes()
    path = write(tmp_path / "table.parquet", content[:-4])
    with pytest.raises(UnfreezeError, match=r"table.parquet cannot be read as Parquet \(.*fetch"):
        recognize(path)


def write_folder(folder, texts):
    """Write texts by their paths below a folder."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name, text)
    return folder


def zipped(folder):
    """Pack a folder, itself included, and return the archive."""
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        for file in sorted(folder.rglob("*")):
            content.write(file, file.relative_to(folder.parent))
    return archive


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped])
def test_a_folder_for_each_class(tmp_path, pack):
    texts = {
        f"{split}/{label}/{number}.txt": f"{split} {label} {number}\n"
        for split in ("train", "test")
        for label in ("neg", "pos")
        for number in range(3)
    }
    extra = {"README.txt": "read me", "train/urls.txt": "links", ".hidden": "no"}
    form, table, _ = read_table(pack(write_folder(tmp_path / "data", texts | extra)))
    assert (form.kind, form.columns) == ("folder", ("text", "label", "split", "file"))
    rows = {(row["text"], row["label"], row["split"]) for row in table.to_pylist()}
    assert rows == {(text, name.split("/")[1], name.split("/")[0]) for name, text in texts.items()}
    assert form.notes[0].startswith("2 other files were left out")


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped])
def test_a_file_of_lines_for_each_class(tmp_path, pack):
    texts = {"neg.txt": "bad, really\nworse\n\n", "pos.txt": "good"}
    form, table, _ = read_table(pack(write_folder(tmp_path / "data", texts)))
    assert form.kind == "text"
    assert table.to_pydict() == {
        "text": ["bad, really", "worse", "good"],
        "label": ["neg", "neg", "pos"],
        ROW: [0, 1, 2],
    }


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped])
def test_tables_of_splits(tmp_path, pack):
    texts = {
        "data/train-00000.csv": "text,label\none,a\ntwo,b\nbad\n",
        "data/dev.csv": "text,label\nthree,a\n",
        "data/test.csv": "text,label\nfour,b\nfive,a\n",
        "README.md": "read me",
    }
    form, table, outcome = read_table(pack(write_folder(tmp_path / "set", texts)))
    assert form.columns == ("text", "label", "split")
    assert sorted((row[ROW], row["text"], row["split"]) for row in table.to_pylist()) == [
        (0, "three", "validation"),
        (1, "four", "test"),
        (2, "five", "test"),
        (3, "one", "train"),
        (4, "two", "train"),
    ]
    [bad] = outcome.aside
    assert (bad.row, bad.reason.rpartition("/")[2]) == (5, "train-00000.csv: 1 column instead of 2")


def test_a_name_that_all_files_have_is_no_split(tmp_path):
    texts = {f"train-{number}.csv": "text,label\none,a\ntwo,b\n" for number in range(2)}
    form, table, _ = read_table(write_folder(tmp_path / "set", texts))
    assert form.columns == ("text", "label")
    assert table[ROW].to_pylist() == [0, 1, 2, 3]


def test_tables_with_other_columns_are_not_one(tmp_path):
    texts = {"one.csv": "text,label\none,a\n", "two.csv": "text\tid\none\t1\n"}
    with pytest.raises(UnfreezeError, match=r"do not have the same columns: give one of them"):
        recognize(write_folder(tmp_path / "set", texts))


def test_one_text_a_line(tmp_path):
    form, table, _ = read_table(
        write(tmp_path / "texts.txt", "One, two.\nThree\n\nFour, and, five")
    )
    assert (form.kind, form.columns) == ("text", ("text",))
    assert table["text"].to_pylist() == ["One, two.", "Three", "Four, and, five"]


def test_an_archive_that_leads_out_or_is_a_bomb(tmp_path, monkeypatch):
    path = tmp_path / "out.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../escaped.csv", "text,label\none,a\n")
    with pytest.raises(UnfreezeError, match="leads out of the archive"):
        recognize(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("train.csv", "test.csv"):
            archive.writestr(name, "text,label\n" + "a,b\n" * 50_000)
    monkeypatch.setattr(sources, "MAX_BYTES", 300_000)  # of all files
    with pytest.raises(UnfreezeError, match="unpacks to far more than texts do"):
        recognize(path)


def test_too_large(tmp_path):
    path = tmp_path / "table.csv"
    with path.open("wb") as file:
        file.truncate(sources.MAX_BYTES + 1)  # takes no room on the disk
    with pytest.raises(UnfreezeError, match=r"table.csv has 2.0 GB, and up to 2.0 GB are read"):
        recognize(path)


def test_kinds_that_are_not_read(tmp_path):
    for start, kind in ((b"\xd0\xcf\x11\xe0", "an? .*old form"), (b"Rar!\x1a", "a RAR file")):
        with pytest.raises(UnfreezeError, match=kind):
            recognize(write(tmp_path / "table.csv", start + bytes(100)))
    with pytest.raises(UnfreezeError, match="has no file that can be read"):
        recognize(write_folder(tmp_path / "empty", {".hidden": "text"}))


class TestSpreadsheets:
    @pytest.fixture(autouse=True)
    def openpyxl(self):
        import openpyxl

        self.book = openpyxl.Workbook()
        self.sheet = self.book.active

    def save(self, tmp_path):
        self.book.save(tmp_path / "table.xlsx")
        return tmp_path / "table.xlsx"

    def test_values(self, tmp_path):
        rows = [
            ["My reviews"],
            [],
            ["text", "label", "when"],
            ["one", 1, True],
            [None, 2.5, "#N/A"],
        ]
        for row in [*rows, [], ["three", 3.0]]:
            self.sheet.append(row)
        form, table, _ = read_table(self.save(tmp_path))
        assert (form.columns, form.above) == (("text", "label", "when"), 1)
        assert table.to_pydict() == {
            "text": ["one", None, "three"],
            "label": ["1", "2.5", "3"],
            "when": ["true", None, None],
            ROW: [0, 1, 2],
        }

    def test_sheets(self, tmp_path):
        second = self.book.create_sheet("Reviews")
        for row in (["text", "label"], ["one", "a"]):
            second.append(row)
        third = self.book.create_sheet("Other")
        third.append(["text"])
        third.append(["two"])
        path = self.save(tmp_path)
        form, table, _ = read_table(path)
        assert table["text"].to_pylist() == ["one"]
        assert form.notes == ("Of the sheets Sheet, Reviews and Other, Reviews is read.",)
        assert read_table(path, sheet="Other")[1]["text"].to_pylist() == ["two"]
        with pytest.raises(UsageError, match="no sheet 'reviews'; did you mean Reviews"):
            recognize(path, sheet="reviews")

    def test_formulas(self, tmp_path):
        for row in (["text", "label"], ["one", "a"], ['="t"&"wo"', "b"]):
            self.sheet.append(row)
        _, table, outcome = read_table(self.save(tmp_path))
        assert table["text"].to_pylist() == ["one", None]  # openpyxl stores no values
        assert outcome.notes == (
            "1 formula has no stored value: open table.xlsx in a spreadsheet program and save it.",
        )

    def test_a_damaged_one(self, tmp_path):
        self.sheet.append(["text"])
        path = self.save(tmp_path)
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "new.xlsx", "w") as new:
            for name in old.namelist():
                new.writestr(name, old.read(name)[:100])
        with pytest.raises(UnfreezeError, match="cannot be read as a spreadsheet"):
            recognize(tmp_path / "new.xlsx")
