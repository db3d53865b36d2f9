"""JSON lines: nested fields, lists, values as they are written, and broken lines kept aside."""

import pytest

from ftcore.data.tables.table_format import ROW
from tests.helpers.tables import read_table, write


def test_nested_fields_and_written_forms(tmp_path):
    path = write(
        tmp_path / "table.jsonl",
        '{"text": "one", "meta": {"stars": 1.0, "user": {"id": 7}}, "tags": ["a", "b"], "ok": true}\n'
        '{"text": null, "meta": {"stars": 1, "user": {"id": 1e3}}, "tags": "c", "ok": NaN}\n'
        "\n"
        '{"text": "NaN", "spans": [{"start": 1}], "ok": ["x"]}\n',
    )
    form, table, outcome = read_table(path)
    assert form.kind == "jsonl"
    assert form.columns == ("text", "meta.stars", "meta.user.id", "tags", "ok", "spans")
    assert form.lists == ("tags", "ok")
    assert table.drop_columns(["spans"]).to_pylist() == [
        {
            "text": "one",
            "meta.stars": "1.0",
            "meta.user.id": "7",
            "tags": ["a", "b"],
            "ok": ["true"],
            ROW: 0,
        },
        {"text": None, "meta.stars": "1", "meta.user.id": "1e3", "tags": ["c"], "ok": None, ROW: 1},
        {
            "text": "NaN",
            "meta.stars": None,
            "meta.user.id": None,
            "tags": None,
            "ok": ["x"],
            ROW: 2,
        },
    ]
    assert table["spans"].to_pylist() == [None, None, '[{"start": "1"}]']
    assert outcome.notes == ()


def test_broken_lines_are_kept_aside(tmp_path):
    lines = [b'{"text": "%d"}' % row for row in range(20)]
    lines[1] = b'{"text": "one}'
    lines[4] = b'{"text": "caf\xe9"}'
    lines[5] = rb'{"text": "\ud83d alone"}'
    lines[6] = b"[" * 100_000
    lines[7] = rb'{"text": "\ud83d\ude00"}'
    path = write(tmp_path / "table.jsonl", b"\n".join(lines))
    _, table, outcome = read_table(path, encoding="utf-8")
    assert table[ROW].to_pylist() == [0, 2, 3, *range(7, 20)]
    assert table["text"].to_pylist()[3] == "\N{GRINNING FACE}"
    assert [(bad.row, bad.reason) for bad in outcome.aside] == [
        (1, "no JSON (Invalid control character at character 15)"),
        (4, "bytes that are not utf-8"),
        (5, "half of a surrogate pair, which is no character"),
        (6, "nested too deeply"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path, encoding):
    content = '{"text": "Crème brûlée"}\n{"text": "voilà"}\n'
    _, table, _ = read_table(write(tmp_path / "table.json", content, encoding))
    assert table["text"].to_pylist() == ["Crème brûlée", "voilà"]
