"""CSV files as strangers write them: delimiters, quotation marks, headers, encodings, bad rows."""

import bz2
import gzip
import lzma
from dataclasses import replace

import pandas
import pytest

from ftcore.data.tables import csv_rows, reading, sources
from ftcore.data.tables.recognition import recognize
from ftcore.data.tables.table_format import ROW
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Progress, drain
from tests.helpers.tables import read_table, write

TEXTS = [
    "A plain sentence, with a comma; and a semicolon",
    'It said "hello" to me',
    "Two\nlines",
    "Crème brûlée for 5 €",
]


@pytest.mark.parametrize(
    ("content", "columns", "rows"),
    [
        (
            'text,label\n"one, two",pos\nthree,neg\n',
            ("text", "label"),
            [["one, two", "pos"], ["three", "neg"]],
        ),
        (
            "label;text\npos;one, two\nneg;three\n",
            ("label", "text"),
            [["pos", "one, two"], ["neg", "three"]],
        ),
        (
            "ham\tone, two\nspam\tthree\nham\tfour\n",
            ("column 1", "column 2"),
            [["ham", "one, two"], ["spam", "three"], ["ham", "four"]],
        ),
        (
            ",text,label\n0,one,1\n1,two,0\n",
            ("column 1", "text", "label"),
            [["0", "one", "1"], ["1", "two", "0"]],
        ),
        # R writes no name over the names of its rows.
        (
            '"text","label"\n"1","one","a"\n"2","two","b"\n',
            ("column 1", "text", "label"),
            [["1", "one", "a"], ["2", "two", "b"]],
        ),
        ("sep=;\ntext;label\none;a\ntwo;b\n", ("text", "label"), [["one", "a"], ["two", "b"]]),
        # One column: the commas stand in the texts, as many in each.
        ('text\n"one, two"\n"three, four"\n', ("text",), [["one, two"], ["three, four"]]),
        (
            "Export of May\n\ntext,label,user\none,a,x\ntwo,b,y\n",
            ("text", "label", "user"),
            [["one", "a", "x"], ["two", "b", "y"]],
        ),
        (
            'sentence\tlabel\n"Great" film\t1\n"Oh no\t0\n',
            ("sentence", "label"),
            [['"Great" film', "1"], ['"Oh no', "0"]],
        ),
        (
            'text,label\n"He said \\"hi\\", twice",a\n"And \\"ho\\"",b\n',
            ("text", "label"),
            [['He said "hi", twice', "a"], ['And "ho"', "b"]],
        ),
        (
            'sentence\tlabel\n"Great" film\t1\n"Poor" film\t0\n',
            ("sentence", "label"),
            [['"Great" film', "1"], ['"Poor" film', "0"]],
        ),
        # One column with commas in it is no table of several.
        (
            "text\nWell, no\nYes, so\nSo, so\nNo\nWell, yes, no\n",
            ("text",),
            [["Well, no"], ["Yes, so"], ["So, so"], ["No"], ["Well, yes, no"]],
        ),
        (
            "text,text,\none,two,three\n",
            ("text", "text (2)", "column 3"),
            [["one", "two", "three"]],
        ),
        ("a,0\n\nb,1\r\n\r\nc,1", ("column 1", "column 2"), [["a", "0"], ["b", "1"], ["c", "1"]]),
    ],
)
def test_dialects(tmp_path, content, columns, rows):
    form, table, outcome = read_table(write(tmp_path / "table.csv", content))
    assert form.columns == columns
    assert [list(row.values())[:-1] for row in table.to_pylist()] == rows
    assert table[ROW].to_pylist() == list(range(len(rows)))
    assert (outcome.rows, outcome.aside) == (len(rows), ())


def test_a_stated_delimiter_that_no_parser_takes_is_not_used(tmp_path):
    form, *_ = read_table(write(tmp_path / "table.csv", "sep=§\ntext,label\none,a\ntwo,b\n"))
    assert form.delimiter == ","


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-32"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_what_pandas_writes_is_read_back(tmp_path, encoding, delimiter):
    labels = ["pos", "Pos ", "1.0", "true"]
    frame = pandas.DataFrame({"review": TEXTS * 50, "label": labels * 50})
    path = tmp_path / "reviews.csv"
    frame.to_csv(path, sep=delimiter, encoding=encoding)
    form, table, outcome = read_table(path)
    assert (form.delimiter, form.header, outcome.bad) == (delimiter, True, 0)
    assert table["review"].to_pylist() == TEXTS * 50
    assert table["label"].to_pylist() == labels * 50
    assert table["column 1"].to_pylist() == [str(row) for row in range(200)]


def test_bad_rows_are_kept_aside(tmp_path):
    lines = [b"text,label", *(b"text %d,%d" % (row, row % 2) for row in range(40))]
    lines[3] = b"three, four,1"
    lines[8] = b"caf\xe9,0"
    lines[9] = b"alone \xe9"
    path = write(tmp_path / "table.csv", b"\n".join(lines))
    _, table, outcome = read_table(path, encoding="utf-8")
    rows = [row for row in range(40) if row not in (2, 7, 8)]
    assert table[ROW].to_pylist() == rows
    assert table["text"].to_pylist() == [f"text {row}" for row in rows]
    assert (outcome.rows, outcome.bad) == (40, 3)
    assert [(bad.row, bad.reason, bad.excerpt) for bad in outcome.aside] == [
        (2, "3 columns instead of 2", "three, four,1"),
        (7, "bytes that are not utf-8", "caf\N{REPLACEMENT CHARACTER} 0"),
        (8, "1 column instead of 2", "alone \N{REPLACEMENT CHARACTER}"),
    ]


def test_rows_are_numbered_across_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_rows, "BLOCK", 1000)
    lines = [f"text {row},{row % 3}" if row % 7 else "too,many,columns" for row in range(2000)]
    path = write(tmp_path / "table.csv", "\n".join(["text,label", *lines]))
    _, table, outcome = read_table(path)
    rows = [row for row in range(2000) if row % 7]
    assert table[ROW].to_pylist() == rows
    assert table["text"].to_pylist() == [f"text {row}" for row in rows]
    assert [bad.row for bad in outcome.aside] == list(range(0, 2000, 7))


def test_missing_values(tmp_path):
    path = write(tmp_path / "table.csv", "text,label\none,NaN\n,None\nnull,NA\n")
    _, table, outcome = read_table(path)
    assert table["text"].to_pylist() == ["one", None, None]
    assert table["label"].to_pylist() == [None, "None", "NA"]
    assert outcome.notes == ("2 values, NaN or null, were read as missing.",)


def test_what_a_user_says_counts(tmp_path):
    path = write(tmp_path / "table.csv", "text|a;label\none;b\ntwo;c\n".encode("utf-16-le"))
    form, table, _ = read_table(path, encoding="UTF-16LE", delimiter=";", header=False)
    assert (form.encoding, form.columns) == ("utf-16-le", ("column 1", "column 2"))
    assert table["column 1"].to_pylist() == ["text|a", "one", "two"]
    with pytest.raises(UsageError, match=r"no encoding 'latin-9000': give one such as"):
        recognize(path, encoding="latin-9000")
    with pytest.raises(UsageError, match="cannot be a delimiter: give one character"):
        recognize(path, delimiter="ab")
    with pytest.raises(UsageError, match="no column 'text'; choose one of column 1, column 2"):
        read_table(path, columns=["text"], encoding="utf-16-le", header=False)


def test_a_wrong_delimiter_is_no_table_of_bad_rows(tmp_path):
    lines = [f"text {'a,' * (row % 5)};{row}" for row in range(40)]
    path = write(tmp_path / "table.csv", "\n".join(lines))
    with pytest.raises(
        UnfreezeError, match=r"rows of table.csv cannot be read, the first one, row "
    ):
        read_table(path, delimiter=",")


@pytest.mark.parametrize("open_file", [gzip.open, bz2.open, lzma.open])
def test_compressed(tmp_path, open_file):
    with open_file(tmp_path / "table.csv.gz", "wt") as file:
        file.write("text,label\none,a\ntwo,b\n")
    form, table, _ = read_table(tmp_path / "table.csv.gz")
    assert form.compression in ("gzip", "bzip2", "xz")
    assert table["text"].to_pylist() == ["one", "two"]


def test_a_file_that_changes_while_it_is_read(tmp_path):
    path = write(tmp_path / "table.csv", "text,label\none,a\ntwo,b\n")
    form = recognize(path)
    with pytest.raises(UnfreezeError, match="changed while it was read: add it again"):
        drain(reading.read(path, form, lambda batch: path.write_text("other")))


LONG = "word " * 300  # more than a block of 1,000 bytes has, less than 16 have


@pytest.mark.parametrize("at", [0, 300, 999])
def test_a_row_that_is_too_long_is_kept_aside(tmp_path, monkeypatch, at):
    monkeypatch.setattr(csv_rows, "BLOCK", 1000)
    lines = [f"text {row},{row % 3}" if row % 7 else "too,many,columns" for row in range(1000)]
    lines[at] = f'"{LONG}",0'
    _, table, outcome = read_table(write(tmp_path / "table.csv", "\n".join(["text,label", *lines])))
    assert table[ROW].to_pylist() == [row for row in range(1000) if row % 7 and row != at]
    aside = {bad.row: bad.reason for bad in outcome.aside}
    assert list(aside) == sorted({*range(0, 1000, 7), at}) and len(outcome.aside) == outcome.bad
    assert aside[at] == "more than 1.0 kB"


def test_a_quotation_mark_that_is_not_closed_is_no_long_row(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_rows, "BLOCK", 1000)
    lines = [f"text {row},{row % 3}" for row in range(1000)]
    lines[500] = '"text 500,2'
    path = write(tmp_path / "table.csv", "\n".join(["text,label", *lines]))
    form = replace(recognize(path), quote='"')
    with pytest.raises(UnfreezeError, match="quotation mark is not closed"):
        drain(reading.read(path, form, lambda batch: None))
    monkeypatch.setattr(csv_rows, "BLOCK", 100_000)
    outcome = drain(reading.read(path, form, lambda batch: None))
    assert (outcome.rows, outcome.bad) == (501, 1)
    [bad] = outcome.aside
    assert bad.reason.startswith("1 column instead of 2, over 4") and "not closed" in bad.reason


def test_a_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "SMALL", 100_000)
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" * 50_000))
    with pytest.raises(UnfreezeError, match="far more than texts do"):
        read_table(tmp_path / "table.csv.gz")


def test_a_file_that_is_cut_short(tmp_path):
    path = tmp_path / "table.csv.gz"
    with gzip.open(path, "wt") as file:
        file.writelines(f"text {row * 977},{row % 3}\n" for row in range(5000))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnfreezeError, match="is damaged, or is cut short"):
        read_table(path)


@pytest.mark.parametrize("content", [b"", b"\n \n", "\ufeff".encode(), b"text,label\n"])
def test_no_rows(tmp_path, content):
    with pytest.raises(UnfreezeError, match=r"table.csv has no rows: give a file that has texts"):
        read_table(write(tmp_path / "table.csv", content))


def test_progress_reaches_the_end(tmp_path):
    path = write(tmp_path / "table.csv", "text,label\n" + "some text,a\n" * 1000)
    events = []
    drain(reading.read(path, recognize(path), lambda batch: None), events.append)
    assert events[-1] == Progress("reading", path.stat().st_size, path.stat().st_size, "bytes")


def test_an_encoding_that_is_guessed(tmp_path):
    text = "текст,метка\n" + "Это очень хороший фильм и мне понравилось,хорошо\n" * 20
    form, table, _ = read_table(write(tmp_path / "table.csv", text, "cp1251"))
    assert table["метка"].to_pylist() == ["хорошо"] * 20
    assert form.notes == (
        "table.csv was read in the encoding cp1251, which is a guess: name another one if its texts "
        "look wrong.",
    )


def test_questions_of_a_form_are_a_header(tmp_path):
    names = [
        "Which department are you writing to, if you know?",
        "What would you like to tell us today?",
    ]
    rows = [("Sales" if n % 2 else "Support", f"Text {n}, of a customer") for n in range(30)]
    lines = [",".join(f'"{value}"' for value in row) for row in [names, *rows]]
    form, table, _ = read_table(write(tmp_path / "form.csv", "\n".join(lines)))
    assert form.columns == tuple(names) and len(table) == 30
