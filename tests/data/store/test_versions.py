"""Labels given in a stored dataset, the versions that they make, and what becomes of them."""

import json
import os
import signal
import subprocess
import sys
import threading

import pyarrow.parquet as pq
import pytest

from ftcore import tracking
from ftcore.data import datasets
from ftcore.data.store import card, editing, exporting, journal, labelling, versions
from ftcore.data.store.labelling import Change
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import drain
from tests.helpers import small_runs
from tests.helpers.dataset_files import load
from tests.helpers.own_data import add, add_reviews


@pytest.fixture
def mine(tmp_path):
    """Thirty texts, the first six of them labelled: a, b, a, b, …"""
    return add_texts(tmp_path, 6)


def add_texts(folder, labelled, name="mine"):
    lines = [f"text number {n},{'ab'[n % 2] if n < labelled else ''}" for n in range(30)]
    (folder / f"{name}.csv").write_text("\n".join(["text,label", *lines]))
    return add(folder / f"{name}.csv", name)


def training_texts(stored, count):
    parts = pq.read_table(stored.texts)["split"].to_pylist()
    return [place for place, part in enumerate(parts) if part == "train" and place >= 6][:count]


def label(stored, text, name="a", by="ann"):
    return labelling.change(stored, [Change(text, (name,))], by)


def test_a_version_is_what_the_journal_said_up_to_it(mine):
    one, two = training_texts(mine, 2)
    first = load("mine")
    assert (label(mine, one, "b"), label(mine, two), label(mine, 0, "b", "ben")) == (1, 2, 3)
    assert labelling.change(mine, [Change(one, None)], "ben") == 4
    assert labelling.take_back(mine, 4, "ann") == 5
    sizes = [sum(versions.at(mine, number).sizes.values()) for number in range(6)]
    assert sizes == [6, 7, 8, 8, 7, 8]
    assert versions.get("mine").waiting == 22 and versions.get("mine@0") == mine
    labels = {text: label for text, label in load("mine").train.pairs()}
    assert labels[f"text number {one}"] == 1 and labels[f"text number {two}"] == 0
    for number in range(6):
        spec, dataset = datasets.find_spec(f"mine@{number}"), load(f"mine@{number}")
        assert dataset.fingerprint == spec.fingerprint
        assert (len(dataset.train.texts), len(dataset.test.texts)) == spec.sizes
        counts = versions.at(mine, number).counts
        together = {c: counts["train"][c] + counts["validation"][c] for c in "ab"}
        assert dict(zip("ab", dataset.train.counts(2).tolist(), strict=True)) == together
    assert load("mine@0").fingerprint == first.fingerprint == mine.fingerprint
    assert load("mine@3").fingerprint == load("mine@5").fingerprint != load("mine@4").fingerprint
    assert datasets.names().count("mine") == 1 and datasets.title("mine@3") == "mine, version 3"
    with pytest.raises(UsageError, match="no version 6: its newest is 5"):
        datasets.find_spec("mine@6")


def test_only_the_last_change_of_a_text_is_taken_back(mine):
    text = training_texts(mine, 1)[0]
    label(mine, text), label(mine, text, "b", "ben")
    with pytest.raises(UsageError, match="ben has changed this text since"):
        labelling.take_back(mine, 1, "ann")
    labelling.take_back(mine, 2, "ann")
    labelling.take_back(mine, 1, "ann")
    assert versions.get("mine").fingerprint == mine.fingerprint
    for number in (1, 3, 9):
        with pytest.raises(UsageError):
            labelling.take_back(mine, number, "ann")


def test_classes_are_defined_where_there_are_none(tmp_path):
    stored = add_texts(tmp_path, 0)
    assert (stored.labels, stored.sizes["train"], stored.waiting) == ((), 0, 30)
    with pytest.raises(UsageError, match="no class 'good'"):
        label(stored, 0, "good")
    assert labelling.define_classes(stored, ["good", "bad "], "ann") == 1
    for names, message in ((["GOOD"], "already a class"), ([" "], "cannot be called")):
        with pytest.raises(UsageError, match=message):
            labelling.define_classes(stored, names, "ann")
    assert label(stored, 0, "bad") == 2
    assert versions.get("mine").labels == ("good", "bad")


def test_every_label_says_who_gave_it_in_an_export_and_after_an_edit(mine, tmp_path):
    text = training_texts(mine, 1)[0]
    label(mine, text, "b"), label(mine, 0, "b")
    labelling.change(mine, [Change(1, None)], "ann")
    drain(exporting.export(versions.get("mine"), tmp_path / "out", "parquet"))
    exported = [
        row for file in (tmp_path / "out").iterdir() for row in pq.read_table(file).to_pylist()
    ]
    found = {row["row"]: (row["label"], row["label_origin"]) for row in exported}
    assert (found[0], found[2], found[text]) == (
        ("b", "correction"),
        ("a", "file"),
        ("b", "person"),
    )
    assert len(found) == 29 and 1 not in found and found[29] == (None, None)
    edited = drain(editing.edit(card.get("mine"), rename_labels={"b": "c"}))
    stored = {row["row"]: row for row in pq.read_table(edited.texts).to_pylist()}
    assert (stored[0]["label"], stored[0]["label_origin"]) == ("c", "correction")
    assert stored.keys() == found.keys() and versions.newest(edited) == 0
    assert edited.sizes == versions.get("mine").sizes and edited.waiting == 23
    assert load("mine").fingerprint == edited.fingerprint
    with pytest.raises(UnfreezeError, match="just been changed"):
        label(mine, text)


def test_a_run_keeps_the_version_that_it_was_queued_with(mine, home):
    small_runs.checkpoint(home / "checkpoints" / "starter", "starter")
    before = small_runs.run("paused", saved=False, dataset="mine")
    assert tracking.run(before).config.dataset == "mine"
    label(mine, training_texts(mine, 1)[0])
    after = small_runs.run("paused", saved=False, dataset="mine")
    label(mine, training_texts(mine, 2)[1])
    assert tracking.run(before).config.dataset == "mine@0"
    assert tracking.run(after).config.dataset == "mine@1"
    assert len(tracking.dataset_dependents("mine").runs) == 2


def test_a_torn_line_does_not_count_and_a_damaged_one_is_named(mine):
    label(mine, 0, "b"), label(mine, 1)
    file = mine.folder / journal.JOURNAL
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    assert versions.newest(mine) == 1
    assert label(mine, 2, "b") == 2
    assert [json.loads(line).get("text", -1) for line in file.read_text().splitlines()] == [
        -1,
        0,
        2,
    ]
    file.write_bytes(whole + b"{}\n")
    with pytest.raises(UnfreezeError, match=r"Line 4 of .* is damaged"):
        versions.newest(mine)
    assert "mine" not in datasets.names() and "sample" in datasets.names()


def test_two_people_at_once_lose_no_label(mine):
    def work(name, texts):
        for text in texts:
            label(mine, text, by=name)

    threads = [
        threading.Thread(target=work, args=(name, range(start, 30, 2)))
        for name, start in (("ann", 0), ("ben", 1))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = journal.read(mine)
    assert {entry.text for entry in entries} == set(range(30)) and len(entries) == 30
    assert {entry.by for entry in entries} == {"ann", "ben"}


def test_a_label_that_comes_while_another_is_written_waits_for_it(mine, monkeypatch):
    ben = threading.Thread(target=label, args=(mine, 1, "b", "ben"))
    end_of_lines = journal._end_of_lines

    def interrupted(content):
        end = end_of_lines(content)
        if ben.ident is None:
            ben.start()
            ben.join(0.5)  # without a lock, it would be through with its line
        return end

    monkeypatch.setattr(journal, "_end_of_lines", interrupted)
    label(mine, 0, by="ann")
    ben.join()
    assert [entry.by for entry in journal.read(mine)] == ["ann", "ben"]


def test_a_killed_process_loses_no_label_that_it_reported(mine):
    program = (
        "from ftcore.data.store import card, labelling\n"
        "stored = card.get('mine')\n"
        "for text in range(30):\n"
        "    print(labelling.change(stored, [labelling.Change(text, ('a',))], 'ann'), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        reported = [process.stdout.readline() for _ in range(5)][-1]
        os.kill(process.pid, signal.SIGKILL)
    assert versions.newest(mine) >= int(reported) == 5


def test_a_dataset_that_was_renamed_or_removed_takes_no_label(tmp_path):
    stored = add_reviews(tmp_path)
    datasets.rename("mine", "yours")
    with pytest.raises(UnfreezeError, match="no dataset 'mine'"):
        label(stored, 0, "neg")
    label(card.get("yours"), 0, "neg")
    card.delete("yours")
    assert card.names() == []
