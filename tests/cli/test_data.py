"""The commands on data of one's own, and training on it by its name."""

import json
import re

import pytest

from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.config import FineTuneConfig
from ftcore.data.store import card
from tests.helpers import small_runs
from tests.helpers.messy_tables import PANDAS, reviews, write
from tests.helpers.own_data import add_reviews


@pytest.fixture
def records(capsys):
    """Runs a command that succeeds; returns its JSON lines."""

    def run(*arguments):
        capsys.readouterr()
        assert main([*map(str, arguments), "--json"]) == 0, capsys.readouterr().err
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


@pytest.fixture
def refused(capsys):
    """Runs a command that fails; returns its status and message."""

    def run(*arguments):
        capsys.readouterr()
        return main(list(map(str, arguments))), capsys.readouterr().err

    return run


def test_data_is_added_shown_listed_exported_renamed_and_removed(records, tmp_path):
    file = write(tmp_path / "a.csv", reviews(), PANDAS)
    *events, added = records("data", "add", file, "--name", "films", "--title", "My films")
    assert {event["phase"] for event in events} == {"reading", "examining", "saving"}
    assert added["sizes"] == {"train": 186, "validation": 20, "test": 40}
    assert added["mapping"]["label"] == "sentiment" and added["files"][0]["delimiter"] == ","
    assert records("data", "show", "films") == [added]
    [listed] = records("data", "list")
    assert (listed["name"], listed["texts"], listed["fingerprint"]) == (
        "films",
        246,
        added["fingerprint"],
    )
    assert records("datasets")[-1] == {"name": "films", "title": "My films"}
    records("data", "export", "films", tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "test.csv",
        "train.csv",
        "validation.csv",
    ]
    records("data", "rename", "films", "cinema")
    assert records("data", "remove", "cinema") == [{"removed": "cinema"}]
    assert records("data", "list") == []


@pytest.mark.parametrize(
    ("command", "way"), [("data list", "data add FILE"), ("runs", "train starts one")]
)
def test_an_empty_list_says_how_to_fill_it(command, way, capsys):
    assert main(command.split()) == 0
    printed = capsys.readouterr()
    assert printed.out == "" and way in printed.err


def test_texts_without_a_label_and_rows_aside_are_counted_alike_everywhere(tmp_path, capsys):
    rows = [f"text {n},{'ab'[n % 2] if n % 4 else ''}" for n in range(60)]
    file = tmp_path / "a.csv"
    file.write_text("\n".join(["text,label", "one,two,three", *rows]))
    shown = []
    for command in (["add", str(file), "--name", "mine"], ["show", "mine"], ["list"]):
        assert main(["data", *command]) == 0
        shown.append(capsys.readouterr().out)
    texts = "Texts: 60 (with a label: 35 train, 5 validation, 5 test; without one: "
    assert texts in shown[0] and texts in shown[1]
    assert re.search(r"train validation       test  class\n( +\d+){3}  a\n", shown[1])
    assert "60 texts" in shown[2] and "15 without a label" in shown[2]
    assert "  row 0: 3 columns instead of 2: one,two,three" in shown[1]


def test_texts_without_a_column_of_labels_are_added_and_wait_for_labels(tmp_path, capsys):
    file = tmp_path / "a.csv"
    file.write_text("\n".join(["text", *(f"text number {n}" for n in range(50))]))
    shown = []
    for command in (["add", str(file), "--name", "mine"], ["show", "mine"]):
        assert main(["data", *command]) == 0
        shown.append(capsys.readouterr().out)
    for lines in shown:
        assert "Columns: text: text\n" in lines and "No column of labels was found" in lines
    assert main(["learning-curve", "--dataset", "mine"]) == 2
    assert "give some labels first (on the page Label)" in capsys.readouterr().err


def test_options_say_how_a_file_is_read(records, tmp_path):
    rows = [f"{n}|title {n}|body {n}|{'ab'[n % 2]},c|{'wxyz'[n % 4]}" for n in range(60)]
    file = tmp_path / "a.csv"
    file.write_text("\n".join(["id|title|body|tags|kind", *rows]), "cp1252")
    options = "--name one --text title --text body --separator \\t --label kind --seed 3 --encoding cp1252"
    one = records(
        "data", "add", file, *options.split(), "--rename-label", "x=y", "--drop-label", "z"
    )[-1]
    assert one["labels"] == ["w", "y"] and one["left_out"] == {"dropped label": 15}
    assert one["examples"][0].startswith("title") and " \t" not in one["examples"][0]
    several = records(
        "data", "add", file, "--name", "two", "--label", "tags", "--label-separator", ","
    )[-1]
    assert several["multi_label"] and several["labels"] == ["a", "b", "c"]
    file.write_text("\n".join(["text,a,b", *(f"text {n},{n % 2},{n // 2 % 2}" for n in range(60))]))
    several = records("data", "add", file, "--name", "three", "--label", "a", "b")[-1]
    assert several["multi_label"] and several["mapping"]["indicators"] == ["a", "b"]


def test_wrong_options_are_refused_with_a_sentence(refused, tmp_path):
    file = write(tmp_path / "a.csv", reviews(), PANDAS)
    for options, message in (
        ("--name imdb", "reserved"),
        ("--name a/b", "cannot be called"),
        ("--name x --label nothing", "There is no column 'nothing'"),
        ("--name x --rename-label pos", "give OLD=NEW"),
        ("--name x --drop-label pos", "'neg', and a classifier needs two classes"),
        ("--name x --seed -1", "The seed is -1"),
        ("--name x --keep-labels --label-separator ;", "omit --keep-labels"),
        ("--name x --empty-is-none", "has one label: omit --empty-is-none"),
        ("--name x --test nowhere.csv", "nowhere.csv is not there"),
    ):
        status, error = refused("data", "add", file, *options.split())
        assert status in (1, 2) and message in error and len(error.splitlines()) == 1, error
    assert refused("data", "show", "films")[1] == (
        "There is no dataset 'films', as none has been added: add it (data add).\n"
    )
    assert card.names() == []


def test_data_stays_while_a_run_needs_it_and_a_run_says_if_it_is_gone(records, refused, tmp_path):
    small_runs.checkpoint(paths.checkpoints_dir() / "starter", "starter")
    added = add_reviews(tmp_path, name="films")
    run_id = small_runs.run("paused", saved=False, dataset="films")
    for command in (["remove", "films"], ["rename", "films", "cinema"]):
        status, error = refused("data", *command)
        assert status == 1 and "still needed by" in error and "(paused)" in error
    status, error = refused("resume", run_id)
    assert (
        status == 1 and "films is not what this run began with" in error
    )  # FACTS have another fingerprint
    card.delete("films")
    assert "films, is gone: add it again" in refused("resume", run_id)[1]
    assert add_reviews(tmp_path, name="films").fingerprint == added.fingerprint
    records("data", "remove", "films", "--end-dependents")
    assert tracking.run(run_id).status == "stopped" and card.names() == []


@pytest.mark.slow
def test_a_run_is_trained_on_data_of_ones_own_by_its_name(records, tmp_path):
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    added = add_reviews(tmp_path, name="films")
    options = ("--dataset", "films", "--checkpoint", "base", "--epochs", 1, "--limit", 60)
    for mode in ("last-layer", "tfidf"):
        last = records("train", *options[: 2 if mode == "tfidf" else None], "--mode", mode)[-1]
        assert (last["status"], last["dataset"], last["val_texts"]) == ("finished", "films", 20)
    compared = records("compare", *options, "--modes", "full,last-layer", "--seeds", "0")[-1]
    assert compared["runs"] == 2
    assert records("find-rate", *options[:2], "--checkpoint", "base", "--mode", "full")[-1]
    facts = tracking.run(last["run_id"]).facts
    assert facts["dataset_fingerprint"] == added.fingerprint
    assert FineTuneConfig(dataset="films").watched == []
