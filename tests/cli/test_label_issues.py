"""`label-issues`, `data correct` and `compare --versions`, as a user calls them."""

import json

import pytest

from ftcore import paths
from ftcore.cli.main import main
from ftcore.data import datasets
from ftcore.data.store import versions
from ftcore.events import drain
from tests.helpers import messy_tables, own_data, small_runs
from tests.helpers.messy_tables import Row

WRONG = (7, 20, 33)
LABELS = ("neg", "pos")


@pytest.fixture(autouse=True)
def data(tmp_path):
    """A checkpoint called base, and data whose labels a word gives away, three of them wrong."""
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    words = ("bad", "good")
    rows = [
        Row(f"the film {row} is {words[row % 2]} .", LABELS[(row + (row in WRONG)) % 2])
        for row in range(120)
    ]
    own_data.add(messy_tables.write(tmp_path / "mine.csv", rows))


def run(capsys, *arguments, status=0):
    """What a command prints, on standard output and standard error."""
    capsys.readouterr()
    assert main([*map(str, arguments)]) == status, capsys.readouterr().err
    return capsys.readouterr()


def issues(capsys, *options):
    printed = run(capsys, "label-issues", "mine", "--checkpoint", "base", "--json", *options)
    return [json.loads(line) for line in printed.out.splitlines()]


def test_each_json_line_is_a_text_and_a_correction_leaves_the_list(capsys):
    found = issues(capsys)
    assert {row["row"] for row in found[:3]} == set(WRONG)
    assert set(found[0]) >= {"row", "text", "label", "suggested", "score"}
    for row in found[:3]:
        assert row["suggested"] == LABELS[row["row"] % 2] != row["label"]
    assert issues(capsys, "--limit", "2") == found[:2]
    text = run(capsys, "label-issues", "mine", "--checkpoint", "base", "--limit", "1").out
    assert f"row {found[0]['row']}: {found[0]['label']} → {found[0]['suggested']}?" in text
    assert "Of 120 labels" in text and "The first 1 are listed" in text

    row = found[0]["row"]
    printed = run(
        capsys, "data", "correct", "mine", "--row", row, "--label", LABELS[row % 2], "--json"
    )
    assert json.loads(printed.out)["version"] == 1
    assert row not in {each["row"] for each in issues(capsys)[:2]}
    run(capsys, "data", "correct", "mine", "--row", row, "--undo", "--by", "Ann")
    assert [each["row"] for each in issues(capsys)[:3]] == [each["row"] for each in found[:3]]
    dropped = run(capsys, "data", "correct", "mine", "--row", 7, "--drop").out
    assert dropped == "Row 7 (train): neg → dropped. This is version 3, mine@3.\n" or "(" in dropped
    assert (
        len(drain(datasets.load("mine")).train.texts) + len(drain(datasets.load("mine")).test.texts)
        == 119
    )


def lines(rows, wrong):
    """Lines of a CSV file of these rows, whose labels a word gives away; those of `wrong` are wrong."""
    found = []
    for row in rows:
        word, label = ("bad", "good")[row % 2], LABELS[(row + (row in wrong)) % 2]
        found.append(f"the film number {row} is {word} .,{label}")
    return found


def test_rows_are_those_of_the_file_also_after_rows_kept_aside(capsys, tmp_path):
    """Neither a row without a text nor one with too many columns nor a line break moves the others."""
    content = lines(range(120), (30, 81))
    content[5], content[9] = "one,two,three,four", ",pos"
    content[11] = '"the film number 11\nis good .",pos'
    (tmp_path / "rough.csv").write_text("\n".join(["text,label", *content]) + "\n")
    run(capsys, "data", "add", tmp_path / "rough.csv", "--name", "rough")
    printed = run(capsys, "label-issues", "rough", "--checkpoint", "base", "--json").out
    found = [json.loads(line) for line in printed.splitlines()]
    assert {each["row"] for each in found[:2]} == {30, 81}
    assert all(f"number {each['row']}" in each["text"] for each in found)
    scores = [each["score"] for each in found]
    assert scores == sorted(scores, reverse=True)
    run(capsys, "data", "correct", "rough", "--row", 81, "--label", "pos")
    run(capsys, "data", "export", "rough", tmp_path / "out")
    exported = "".join(file.read_text() for file in (tmp_path / "out").iterdir())
    assert "the film number 81 is good .,pos,correction,81" in exported
    assert "the film number 30 is bad .,pos,file,30" in exported


def test_rows_of_files_that_are_read_together_are_numbered_through(capsys, tmp_path):
    folder = tmp_path / "months"
    folder.mkdir()
    for name, rows in (("1.csv", range(60)), ("2.csv", range(60, 120))):
        (folder / name).write_text("\n".join(["text,label", *lines(rows, (70,))]) + "\n")
    run(capsys, "data", "add", folder, "--name", "months")
    printed = run(capsys, "label-issues", "months", "--checkpoint", "base", "--json").out
    first = json.loads(printed.splitlines()[0])
    assert first["row"] == 70 and "number 70 is" in first["text"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--row", "500", "--drop"), "No text of mine is from row 500"),
        (("--row", "1", "--label", "fine"), "There is no class 'fine'"),
        (("--row", "1", "--label", "pos", "--label", "neg"), "has one label"),
        (("--row", "1", "--label", "pos"), "like that already"),
        (("--row", "1", "--undo"), "Nothing was changed about row 1"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(capsys, options, message):
    assert message in run(capsys, "data", "correct", "mine", *options, status=2).err
    assert versions.get("mine").version == 0


@pytest.mark.slow
def test_two_versions_are_compared_with_the_same_seeds(capsys):
    for row in WRONG:
        run(capsys, "data", "correct", "mine", "--row", row, "--label", LABELS[row % 2])
    options = "--versions 0,3 --modes last-layer --seeds 0,1 --checkpoint base --epochs 2"
    printed = run(capsys, "compare", "--dataset", "mine", *options.split(), "--json")
    last = json.loads(printed.out.splitlines()[-1])
    assert last["status"] == "finished" and last["runs"] == 4
    assert {row["label"] for row in last["modes"]} == {
        "Last layer (version 0)",
        "Last layer (version 3)",
    }
    [gain] = last["corrections"]
    assert gain["as_they_were"]["seeds"] == [0, 1] and gain["mode"] == "last-layer"
    assert last["verdict"].startswith("The 3 corrections ")
