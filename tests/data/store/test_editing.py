"""Stored data that is changed on request: classes renamed, merged and dropped, texts of findings left out."""

import pyarrow.parquet as pq
import pytest

from ftcore import tracking
from ftcore.cli.main import main
from ftcore.data import datasets
from ftcore.data.store import card, editing
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import drain
from tests.data.store.test_examined import kinds, messy
from tests.helpers import small_runs
from tests.helpers.messy_tables import PANDAS, Row, reviews, with_copies_across_split, write
from tests.helpers.own_data import add

RARE = [Row(f"So so, number {n}.", label) for n in range(3) for label in ("mixed", "unsure")]


def edit(name, **changes):
    return drain(editing.edit(card.get(name), **changes))


def test_classes_are_renamed_merged_and_dropped_and_it_is_said(tmp_path):
    before = add(write(tmp_path / "a.csv", [*reviews(), *RARE], PANDAS))
    after = edit("mine", rename_labels={"neg": "bad", "mixed": "bad"}, drop_labels=["unsure"])
    assert after.labels == ("bad", "pos") and after == card.get("mine")
    merged = before.counts["train"]["neg"] + before.counts["train"]["mixed"]
    assert after.counts["train"] == {"bad": merged, "pos": before.counts["train"]["pos"]}
    assert after.left_out == {"dropped label": 3}
    assert after.notes[-2:] == (
        "Renamed on request: neg to bad and mixed to bad.",
        "Dropped on request: unsure.",
    )
    assert "few-examples" in kinds(before) and "few-examples" not in kinds(after)
    assert after.fingerprint != before.fingerprint
    assert drain(datasets.load("mine")).fingerprint == after.fingerprint


def test_texts_of_a_finding_leave_and_the_rest_stays_as_it_was(tmp_path):
    with (file := messy(tmp_path)).open("a") as out:
        out.write("one,two,three,four,five,six\n")
    before = add(file)
    after = edit("mine", leave_out=["near-duplicates-across-split", "copies-in-training"])
    assert after.left_out == before.left_out | {"near duplicate": 2}
    gone = {"near-duplicates-across-split", "copies-in-training"}
    assert kinds(before).keys() - kinds(after).keys() == gone
    assert sum(before.sizes.values()) - sum(after.sizes.values()) == 2
    assert pq.read_table(after.aside).num_rows == 1
    assert kinds(after)["copies-across-split"] == 3
    assert not [entry for entry in after.folder.parent.iterdir() if entry.name != "mine"]


def test_groups_and_parts_stay(tmp_path):
    lines = [f"text number {n},{'xy'[n % 2]},{n // 4}" for n in range(80)]
    (tmp_path / "a.csv").write_text("\n".join(["text,label,film", *lines]))
    before = pq.read_table(add(tmp_path / "a.csv", group="film").texts)
    after = pq.read_table(edit("mine", rename_labels={"x": "z"}).texts)
    for column in ("text", "split", "row", "group"):
        assert after[column].to_pylist() == before[column].to_pylist()


def test_the_command_line_does_the_same(tmp_path, capsys):
    add(write(tmp_path / "a.csv", [*reviews(), *RARE], PANDAS))
    small_runs.checkpoint(tmp_path / "unfreeze-home" / "checkpoints" / "starter", "starter")
    main(["data", "edit", "mine", "--rename-label", "unsure=mixed", "--drop-label", "neg"])
    assert card.get("mine").labels == ("mixed", "pos")
    assert "Renamed on request: unsure to mixed." in capsys.readouterr().out
    for options in ([], ["--leave-out", "language"]):
        assert main(["data", "edit", "mine", *options]) == 2


def test_what_cannot_be_done_changes_nothing(tmp_path):
    before = add(write(tmp_path / "a.csv", with_copies_across_split(reviews(), 3), PANDAS))
    for changes in (
        {"rename_labels": {"neg": "pos"}},
        {"drop_labels": ["nag"]},
        {"leave_out": ["language"]},
    ):
        with pytest.raises(UsageError):
            edit("mine", **changes)
    small_runs.checkpoint(tmp_path / "unfreeze-home" / "checkpoints" / "starter", "starter")
    small_runs.run("queued", dataset="mine")
    with pytest.raises(UnfreezeError, match="still needed by"):
        drain(tracking.edit_dataset("mine", drop_labels=["neg"]))
    assert card.get("mine") == before
