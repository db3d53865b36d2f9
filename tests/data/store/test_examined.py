"""What is found in data that is added, kept on its card and shown, and what leaves if asked to."""

import pyarrow.parquet as pq

from ftcore.cli.main import main
from ftcore.data.store import card
from tests.helpers.messy_tables import PANDAS, Row, reviews, with_copies_across_split, write
from tests.helpers.own_data import add

LETTER = (
    "Thank you for the parcel that came this morning, but of the three lamps in it two do not work and "
    "the third has no plug, so please say where I can send them and when I get my money back."
)


def messy(folder):
    """Reviews of which 3 test texts, a letter, and a near duplicate of a test letter are repeated."""
    rows = with_copies_across_split(reviews(), 3)
    rows += [Row(LETTER, "neg"), Row(LETTER.upper(), "neg"), Row(LETTER + " Regards", "neg")]
    other = LETTER.replace("lamps", "tables and chairs").replace("plug", "legs at all")
    rows += [Row(other, "neg", "test"), Row(other.replace("morning", "evening"), "neg")]
    rows += [Row(LETTER.replace("parcel", "box"), "pos"), Row("", "pos")]
    return write(folder / "messy.csv", rows, PANDAS)


def kinds(added):
    return {finding["kind"]: finding["count"] for finding in added.findings}


def test_findings_are_kept_on_the_card_with_the_rows_of_the_file(tmp_path):
    file = messy(tmp_path)
    added = add(file)
    assert kinds(added) == {
        "copies-across-split": 3,
        "empty-texts": 1,
        "near-duplicates-across-split": 1,
        "near-duplicates-with-other-label": 1,
        "copies-in-training": 1,
        "near-duplicates-in-training": 1,
    }
    near = next(each for each in added.findings if each["kind"] == "near-duplicates-across-split")
    assert near["action"] == "drop-near-duplicates"
    [text] = near["texts"]
    lines = pq.read_table(added.texts).to_pylist()
    by_row = {line["row"]: line for line in lines}
    assert "evening" in by_row[text["row"]]["text"] and text["part"] == "train"
    assert "morning" in by_row[text["like_row"]]["text"] and text["like_part"] == "test"
    assert card.get("mine") == added


def test_near_duplicates_and_copies_leave_if_asked_to_and_it_is_said(tmp_path):
    file = messy(tmp_path)
    added, kept = add(file), add(file, "dropped", drop_near_duplicates=True)
    assert kept.left_out == added.left_out | {"near duplicate": 3}
    assert kinds(kept) == kinds(added)
    assert sum(added.sizes.values()) - sum(kept.sizes.values()) == 3
    assert {each["action"] for each in kept.findings} == {"", "review-labels"}
    assert sum("on request" in each["sentence"] for each in kept.findings) == 3
    texts = [line["text"] for line in pq.read_table(kept.texts).to_pylist()]
    assert sum(text.startswith("Thank you") for text in texts) == 3


def test_add_says_what_was_found_and_show_lists_it(tmp_path, capsys):
    main(["data", "add", str(messy(tmp_path)), "--name", "mine"])
    said = capsys.readouterr().out
    assert "1 training text is a near duplicate of one in the test part" in said
    assert "(data edit mine --leave-out near-duplicates-across-split)" in said
    main(["data", "show", "mine"])
    listed = capsys.readouterr().out
    assert "  row 251 (train): Thank you for the parcel that came this morning" in listed
    assert "    row 249 (train): Thank you" in listed


def test_no_validation_text_is_drawn_that_is_a_test_text_too(tmp_path):
    rows = with_copies_across_split(reviews(), 40)
    added = add(write(tmp_path / "a.csv", rows, PANDAS))
    assert added.left_out == {"copy across the split": 40}
    assert added.sizes["test"] == 40


def test_a_training_text_under_another_label_than_in_the_test_is_told(tmp_path):
    rows = reviews()
    first = next(row for row in rows if row.split == "test")
    other = {"pos": "neg", "neg": "pos"}[first.label]
    added = add(write(tmp_path / "a.csv", [*rows, Row(first.text, other)], PANDAS))
    assert kinds(added) == {"copies-across-split": 1, "two-labels": 1}
