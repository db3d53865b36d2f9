"""Folders and archives as strangers publish their data."""

import gzip
import io
import json
import tarfile
import zipfile

import pytest

from ftcore.data.tables.recognition import recognize
from ftcore.errors import UnfreezeError
from tests.helpers.tables import read_table, write


def write_folder(folder, texts):
    """Write texts or bytes by their paths below a folder."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name, text)
    return folder


def rows(table, *columns):
    """The rows of a table, sorted, as tuples."""
    return sorted(tuple(row[column] for column in columns) for row in table.to_pylist())


def test_tables_that_lack_columns_of_the_training_texts_are_left_out(tmp_path):
    texts = {
        "sample_submission.csv": "id,target\n1,0\n2,0\n",
        "test.csv": "id,text\n1,one\n2,two\n",
        "train.csv": "id,text,target\n1,three,0\n2,four,1\n",
    }
    form, table, _ = read_table(write_folder(tmp_path / "set", texts))
    assert form.columns == ("id", "text", "target")
    assert rows(table, "text", "target") == [("four", "1"), ("three", "0")]
    assert form.notes == (
        "sample_submission.csv was left out: its columns are not the same (id and target).",
        "test.csv was left out: its columns are not the same (id and text).",
    )


def test_each_table_is_read_as_it_is_written(tmp_path):
    texts = {
        "test.csv": "label;text\na;caf\xe9\nb;na\xefve\n".encode("cp1252"),
        "train.csv": "text,label\ncaf\xe9,b\ntwo,a\n".encode(),
    }
    _, table, outcome = read_table(write_folder(tmp_path / "set", texts))
    assert rows(table, "split", "text", "label") == [
        ("test", "caf\xe9", "a"),
        ("test", "na\xefve", "b"),
        ("train", "caf\xe9", "b"),
        ("train", "two", "a"),
    ]
    assert not outcome.bad


def test_records_that_lack_a_field_are_of_the_same_table(tmp_path):
    texts = {
        "train.jsonl": json.dumps({"text": "one", "label": "a", "by": None}),
        "test.jsonl": json.dumps({"text": "two", "label": "b"}),
    }
    _, table, _ = read_table(write_folder(tmp_path / "set", texts))
    assert rows(table, "text", "label", "split") == [("one", "a", "train"), ("two", "b", "test")]


@pytest.mark.parametrize(
    ("texts", "label"),
    [
        ({"train.txt": "one;a\ntwo;b\n", "val.txt": "three;a\nfour;b\n"}, "column 2"),
        ({"train_5500.label": "A:x one\nB:y two\n", "dev.label": "A:x three\nB:y four"}, "label"),
        (
            {"a-train.txt": "one", "b-train.txt": "two", "a-dev.txt": "three", "b-dev.txt": "four"},
            "label",
        ),
        (
            {"train/a.txt": "one", "train/b.txt": "two", "dev/a.txt": "three", "dev/b.txt": "four"},
            "label",
        ),
    ],
)
def test_text_files_whose_names_are_splits(tmp_path, texts, label):
    _, table, _ = read_table(write_folder(tmp_path / "set", {**texts, "ReadMe": "a;b\n" * 9}))
    text = "column 1" if label == "column 2" else "text"
    found = [
        (word, classes[0].lower(), split)
        for word, classes, split in rows(table, text, label, "split")
    ]
    assert found == [
        ("four", "b", "validation"),
        ("one", "a", "train"),
        ("three", "a", "validation"),
        ("two", "b", "train"),
    ]


def test_a_file_whose_name_has_no_split(tmp_path):
    texts = {"TREC_10.label": "A:x one\nB:y two", "train_5500.label": "A:x three\nB:y four"}
    form, table, _ = read_table(write_folder(tmp_path / "set", texts))
    assert form.notes[-1] == "TREC_10.label is for training, as no split is in the name."
    assert table["split"].to_pylist() == [None, None, "train", "train"]


def test_the_name_of_a_file_says_more_than_that_of_its_folder(tmp_path):
    texts = {f"test data/{name}.csv": f"text,label\n{name},a\n" for name in ("train", "validation")}
    _, table, _ = read_table(write_folder(tmp_path / "set", texts))
    assert rows(table, "text", "split") == [("train", "train"), ("validation", "validation")]


SPLIT = {"train": [["one", "a"], ["two", "b"]], "val": [["three", "a"]], "test": [["four", "b"]]}
SPLIT_ROWS = [("four", "test"), ("one", "train"), ("three", "validation"), ("two", "train")]


def test_fields_of_a_json_document_that_are_a_split(tmp_path):
    form, table, _ = read_table(write(tmp_path / "set.json", json.dumps({**SPLIT, "about": ["a"]})))
    assert form.columns == ("column 1", "column 2", "split")
    assert rows(table, "column 1", "split") == SPLIT_ROWS
    records = {split: [{"text": row[0]} for row in each] for split, each in SPLIT.items()}
    _, table, _ = read_table(write(tmp_path / "set.json", json.dumps(records)))
    assert rows(table, "text", "split") == SPLIT_ROWS


def book(path, sheets):
    """Write a spreadsheet of sheets by their names."""
    import openpyxl

    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, cells in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in cells:
            sheet.append(row)
    workbook.save(path)
    return path


def test_sheets_that_are_a_split(tmp_path):
    sheets = {name: [["text", "label"], *cells] for name, cells in SPLIT.items()}
    _, table, _ = read_table(book(tmp_path / "set.xlsx", sheets))
    assert rows(table, "text", "split") == SPLIT_ROWS
    _, table, _ = read_table(tmp_path / "set.xlsx", sheet="val")
    assert table["text"].to_pylist() == ["three"]


def test_the_sheet_with_the_most_cells_is_read(tmp_path):
    sheets = {"Notes": [["About this"]] * 9, "Texts": [["text", "label"], ["one", "a"]], "None": []}
    form, _, _ = read_table(book(tmp_path / "set.xlsx", sheets))
    assert form.sheet == "Texts"
    assert form.notes == ("Of the sheets Notes, Texts and None, Texts is read.",)


CLASSES = {
    "rt/rt-polarity.pos": "caf\xe9s\ngood\n",
    "rt/rt-polarity.neg": "bad\n",
    "rt.README.1.0.txt": "read",
}


def packed(folder, suffix):
    """Pack the contents of a folder, and return the archive."""
    archive = folder.with_suffix(suffix)
    with tarfile.open(archive, "w:gz" if suffix.endswith("gz") else "w") as content:
        for child in sorted(folder.iterdir()):
            content.add(child, child.name)
    return archive


@pytest.mark.parametrize("suffix", [".tar.gz", ".tgz", ".tar"])
def test_tar_archives(tmp_path, suffix):
    latin = {name: text.encode("latin-1") for name, text in CLASSES.items()}
    form, table, _ = read_table(packed(write_folder(tmp_path / "mr", latin), suffix))
    assert form.compression == "tar"
    assert form.notes[0] == "1 other file was left out (rt.README.1.0.txt)."
    assert rows(table, "text", "label") == [("bad", "neg"), ("caf\xe9s", "pos"), ("good", "pos")]


def test_a_tar_archive_that_is_cut_short_or_leads_out(tmp_path):
    write_folder(tmp_path / "mr", CLASSES)
    content = gzip.decompress(packed(tmp_path / "mr", ".tar.gz").read_bytes())
    for length in (2000, 2048):  # within the second file's header, and behind it
        with pytest.raises(UnfreezeError, match="is damaged, or is cut short"):
            recognize(write(tmp_path / "cut.tar.gz", gzip.compress(content[:length])))
    with tarfile.open(tmp_path / "out.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("../texts.csv"), io.BytesIO())
    with pytest.raises(UnfreezeError, match="leads out of the archive"):
        recognize(tmp_path / "out.tar")


def zipped(files):
    """The bytes of a zip archive of files by their names."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [
        (".gz", gzip.compress),
        (".zip", lambda text: zipped({"inner.csv": text, "__MACOSX/._a": "x"})),
    ],
)
def test_compressed_files_in_an_archive(tmp_path, suffix, compress):
    texts = {name: f"text,label\n{name},a\nmore,b\n".encode() for name in ("train", "test")}
    members = {f"{name}.csv{suffix}": compress(text) for name, text in texts.items()}
    _, table, _ = read_table(write(tmp_path / "set.zip", zipped(members)))
    assert rows(table, "text", "split") == [
        ("more", "test"),
        ("more", "train"),
        ("test", "test"),
        ("train", "train"),
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"inner.zip": zipped({"a.csv": "text,label\none,a\n", "b.csv": "text\n"})},
            "unpack it first",
        ),
        (
            {"[Content_Types].xml": "<a/>", "word/document.xml": "<a/>"},
            "of a kind that is not read",
        ),
        ({"inner.rar": b"Rar!\x1a" + bytes(600)}, "is a RAR file: unpack it"),
    ],
)
def test_archives_that_are_not_read(tmp_path, files, message):
    with pytest.raises(UnfreezeError, match=message):
        recognize(write(tmp_path / "set.zip", zipped(files)))


def test_files_of_labels_belong_line_by_line_to_files_of_texts(tmp_path):
    """As tweet_eval publishes its tasks, and files of intents their sentences."""
    texts = {
        "train_text.txt": "one\n\nthree \u2028 x\n",
        "train_labels.txt": "0\n1\n1\n",
        "test_text.txt": "four",
        "test_labels.txt": "0\n",
        "mapping.txt": "0\tnegative\n1\tpositive\n",
    }
    form, table, _ = read_table(write_folder(tmp_path / "set", texts))
    assert form.kind == "parallel" and not form.notes
    assert form.class_names == (("0", "negative"), ("1", "positive"))
    found = [tuple(row[name] for name in ("text", "label", "split")) for row in table.to_pylist()]
    assert found == [
        ("four", "0", "test"),
        ("one", "0", "train"),
        (None, "1", "train"),
        ("three \u2028 x", "1", "train"),
    ]
    folders = {"train/seq.in": "a b\nc", "train/label": "x\ny", "train/seq.out": "O O\nO"}
    form, table, _ = read_table(write_folder(tmp_path / "intents", folders))
    assert rows(table, "text", "label") == [("a b", "x"), ("c", "y")]
    assert form.notes == ("1 other file was left out (train/seq.out).",)


@pytest.mark.parametrize("labels", ["a\nb\na\n", "a\n"])
def test_files_of_labels_with_other_numbers_of_lines_are_refused(tmp_path, labels):
    folder = write_folder(tmp_path / "set", {"text.txt": "one\ntwo\n", "labels.txt": labels})
    with pytest.raises(
        UnfreezeError, match=r"labels\.txt does not have as many lines as text\.txt"
    ):
        read_table(folder)
