"""Tasks as Label Studio exports them as JSON."""

import json

from tests.helpers.tables import read_table, write


def annotation(*choices, **more):
    result = {"from_name": "mood", "to_name": "text", "type": "choices"}
    return {"result": [result | {"value": {"choices": list(choices)}}], **more}


def read(path, *tasks):
    """Read tasks of which each is a list of annotations."""
    document = [
        {"id": n, "annotations": each, "data": {"text": f"text {n}", "from": {"site": "a"}}}
        for n, each in enumerate(tasks)
    ]
    return read_table(write(path, json.dumps(document)))


def test_the_choices_of_a_task_are_its_label(tmp_path):
    skipped = annotation("bad", was_cancelled=True)
    form, table, _ = read(
        tmp_path / "a.json",
        [annotation("good")],
        [],
        [skipped, annotation("fine")],
        [annotation("bad"), annotation("good", ground_truth=True)],
        [{"result": [{"type": "textarea", "value": {"text": ["x"]}}]}, annotation("bad")],
    )
    assert form.columns == ("id", "text", "from.site", "label.mood") and not form.lists
    assert table["label.mood"].to_pylist() == ["good", None, "fine", "good", "bad"]
    assert (
        table["text"].to_pylist()[0] == "text 0" and "first that was not skipped" in form.notes[0]
    )


def test_several_choices_are_a_list(tmp_path):
    form, table, _ = read(tmp_path / "a.json", [annotation("a", "b")], [annotation("a")], [])
    assert form.lists == ("label.mood",)
    assert table["label.mood"].to_pylist() == [["a", "b"], ["a"], None]


def test_records_that_only_look_alike_keep_their_fields(tmp_path):
    document = [{"text": "one", "annotations": [{"a": 1}], "data": "x"}]
    form, _, _ = read_table(write(tmp_path / "a.json", json.dumps(document)))
    assert form.columns == ("text", "annotations", "data") and not form.notes
