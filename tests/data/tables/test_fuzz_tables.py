"""Damaged files of every kind are read, or refused with one sentence."""

import gzip
import io
import json
import zipfile

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st
from pyarrow import parquet

from tests.helpers.fuzzing import accepted, altered_json, damaged, examples
from tests.helpers.tables import read_table, write

CSV = b'text,label\n"one, two",pos\nthree,neg\n"four\nfive",pos\n' * 5
RECORD = {"text": "a", "user": {"id": 1, "tags": ["x", None]}, "spans": [{"at": 1}], "ok": True}


def in_parquet():
    file = io.BytesIO()
    columns = {"text": ["a", "b"] * 20, "label": [1, 2] * 20, "user": [{"id": 1}] * 40}
    parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def in_zip():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a/0.txt", "a/1.txt", "b/0.txt", "README"):
            archive.writestr(name, f"text of {name}")
    return file.getvalue()


def in_xlsx():
    import openpyxl

    file, book = io.BytesIO(), openpyxl.Workbook()
    for row in (["text", "label"], ["one", 1], ["=1+1", None]):
        book.active.append(row)
    book.save(file)
    return file.getvalue()


WHOLE = {
    "csv": lambda: CSV,
    "utf-16": lambda: CSV.decode().encode("utf-16"),
    "gzip": lambda: gzip.compress(CSV),
    "json": lambda: json.dumps([RECORD] * 3).encode(),
    "json lines": lambda: (json.dumps(RECORD).encode() + b"\n") * 5,
    "parquet": in_parquet,
    "xlsx": in_xlsx,
    "zip": in_zip,
}


@pytest.mark.parametrize("kind", WHOLE)
def test_damaged_files(tmp_path, kind):
    whole = WHOLE[kind]()

    @given(damaged(whole))
    @examples(40)
    def check(content):
        accepted(lambda: read_table(write(tmp_path / "table", content)))

    check()


@given(altered_json([RECORD] * 3), st.booleans())
@examples(150)
def test_odd_json(tmp_path_factory, content, lines):
    text = "\n".join(map(json.dumps, content)) if lines and isinstance(content, list) else ""
    path = tmp_path_factory.getbasetemp() / "odd.json"
    accepted(lambda: read_table(write(path, text or json.dumps(content))))
