"""The second look at stored data with planted wrong labels, by a small model with random weights."""

import random

import pytest

from ftcore import paths
from ftcore.config import FineTuneConfig
from ftcore.data.store import addresses, versions
from ftcore.errors import UsageError
from ftcore.events import Noted, drain
from ftcore.labelling import second_look
from ftcore.models import checkpoints
from tests.helpers import messy_tables, own_data, small_runs
from tests.helpers.messy_tables import Row

WORDS = {"pos": "good", "neg": "bad"}


@pytest.fixture(autouse=True)
def base():
    """A checkpoint called base."""
    return small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")


def added(tmp_path, rows, **given):
    """Add rows as the data `mine`."""
    file = tmp_path / "mine.csv"
    messy_tables.write(file, rows, messy_tables.Sins())
    return own_data.add(file, **given)


def reviews(size, wrong=()):
    """Reviews that a word gives away, with the labels of the rows `wrong` flipped."""
    rows = []
    for row in range(size):
        label = "pos" if row % 2 else "neg"
        text = f"the film number {row} is {WORDS[label]} ."
        rows.append(Row(text, label if row not in wrong else {"pos": "neg", "neg": "pos"}[label]))
    return rows


def look(dataset="mine", checkpoint="base", part="all"):
    """The second look, and the notes."""
    notes = []
    config = FineTuneConfig(checkpoint, dataset, mode="linear-probe", device="cpu")
    found = drain(second_look.look(config, part), notes.append)
    return found, [event.note for event in notes if isinstance(event, Noted)]


def test_planted_flips_stand_first_with_the_row_of_the_file(tmp_path):
    wrong = random.Random(0).sample(range(200), 20)
    added(tmp_path, reviews(200, wrong))
    found, notes = look()
    assert found.judged == 200 and not notes
    first = [doubt.address.row for doubt in found.doubts[:20]]
    assert len(set(first) & set(wrong)) >= 18
    scores = [doubt.score for doubt in found.doubts]
    assert scores == sorted(scores, reverse=True) and scores[-1] > 0 and scores[0] <= 1
    for doubt in found.doubts:
        assert f"number {doubt.address.row} is" in doubt.text
        assert doubt.suggested != doubt.label
        assert addresses.find(versions.get("mine"), doubt.address.row) == doubt.address
    # Those of a part are the same, judged by the same layers.
    of_test, _ = look(part="test")
    assert of_test.judged == 20
    assert of_test.doubts == tuple(each for each in found.doubts if each.address.part == "test")
    of_validation, _ = look(part="validation")
    assert {each.address.part for each in of_validation.doubts} <= {"validation"}


def test_a_class_of_one_text_and_fifty_classes(tmp_path):
    rows = [
        Row(f"{WORDS['pos']} word{number} text {row}", f"class {number}")
        for row in range(6)
        for number in range(50)
    ]
    added(tmp_path, [*rows, Row("the film is not bad", "alone")])
    found, notes = look()
    assert notes == ["The only text of alone is not judged, as no other text shows that class."]
    assert found.judged == 301 and found.doubts
    assert all(found.names(doubt.label) != ["alone"] for doubt in found.doubts)


def test_five_texts(tmp_path):
    added(tmp_path, [*reviews(4), Row("the film is good", "pos")])
    found, notes = look()
    assert found.judged == 5
    assert "5 texts teach a model little: look at each label yourself." in notes


def test_several_labels_a_text(tmp_path):
    rows = []
    for row in range(150):
        labels = [label for label, word in WORDS.items() if row % (2 if word == "good" else 3) == 0]
        words = " ".join(WORDS[label] for label in labels)
        rows.append(Row(f"the film {row} is {words} .", "|".join(labels) or "other"))
    rows[30] = Row(rows[30].text, "other")  # it is good and bad
    added(tmp_path, rows, label_separator="|")
    found, _ = look()
    assert found.multi_label
    assert found.doubts[0].address.row == 30
    assert set(found.names(found.doubts[0].suggested)) == {"pos", "neg"}


def test_a_body_that_learned_the_labels_gives_way_to_what_it_started_from(tmp_path, base):
    wrong = [3, 50]
    added(tmp_path, reviews(80, wrong))
    small_runs.checkpoint(
        checkpoints.run_path("full"),
        "full",
        ("neg", "pos"),
        "mine",
        base,
        seed=5,
        title="Run",
        origin={"config": {"mode": "full", "dataset": "mine"}},
    )
    found, notes = look(checkpoint="full")
    assert found.checkpoint == "base"
    assert notes == [
        "The body of Run was trained on labels of this data, so the vectors are those of Base."
    ]
    head = small_runs.checkpoint(
        checkpoints.run_path("head"),
        "head",
        ("neg", "pos"),
        "mine",
        base,
        origin={"config": {"mode": "last-layer", "dataset": "mine"}},
    )
    assert look(checkpoint=head.ref)[0].checkpoint == "head"
    small_runs.checkpoint(paths.checkpoints_dir() / "orphan", "orphan", ("neg", "pos"), "mine")
    found, [note] = look(checkpoint="orphan")
    assert found.checkpoint == "orphan" and "finds fewer wrong ones" in note


def test_a_part_that_is_drawn_by_seed_is_refused():
    with pytest.raises(UsageError, match="no validation part of its own"):
        look("sample", part="validation")
