"""Adding data: what is stored of a file, what is left out, and what is said about it."""

import csv
import json

import pyarrow.parquet as pq
import pytest

from ftcore.data import datasets
from ftcore.data.store import card, exporting, mapping
from ftcore.data.store.request import Request
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import drain
from tests.helpers.dataset_files import load
from tests.helpers.messy_tables import (
    GERMAN_EXCEL,
    PANDAS,
    TABS,
    WINDOWS,
    reviews,
    with_copies_across_split,
    with_rare_class,
    write,
)
from tests.helpers.own_data import add, add_reviews


def table(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def stored(added):
    return pq.read_table(added.texts).to_pylist()


@pytest.mark.parametrize(
    "sins", [GERMAN_EXCEL, PANDAS, WINDOWS, TABS], ids=["de", "pd", "win", "tab"]
)
def test_files_as_programs_write_them_become_the_same_dataset(tmp_path, sins):
    rows = reviews()
    added = add(write(tmp_path / "reviews.csv", rows, sins), "mine")
    assert added.labels == ("neg", "pos") and added.left_out == {}
    assert [row["text"] for row in stored(added)] == [row.text for row in rows]
    assert [row["label"] for row in stored(added)] == [row.label for row in rows]
    assert [row["row"] for row in stored(added)] == list(range(len(rows)))
    dataset = load("mine")
    assert dataset.fingerprint == added.fingerprint and dataset.val_rows
    assert len(dataset.test.texts) == (40 if sins.split else 24)
    assert card.find("mine") == added
    assert "merged" in " ".join(added.notes) or not sins.untidy_labels


def test_adding_that_is_cancelled_leaves_nothing_behind(tmp_path, home):
    file = write(tmp_path / "a.csv", reviews(), PANDAS)
    for phase in ("reading", "examining", "saving"):
        task = datasets.add(Request("mine", str(file)))
        while next(task).phase != phase:
            pass
        task.close()
        assert card.names() == [] and not list(home.glob("datasets/.*"))
    assert add(file).name == "mine"


def test_folders_of_texts_bring_labels_and_parts(tmp_path):
    for number in range(60):
        part, label = ("train", "train", "test")[number % 3], ("pos", "neg")[number % 2]
        file = tmp_path / "films" / part / label / f"{number}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"a {label} text {number}")
    added = add(tmp_path / "films")
    assert (added.labels, added.mapping["text"]) == (("neg", "pos"), ["text"])
    assert added.sizes == {"train": 36, "validation": 4, "test": 20}
    assert all(row["label"] in row["text"] for row in stored(added))


def test_several_columns_are_joined_and_columns_are_named(tmp_path):
    rows = [("", "b", "1"), ("a", "", "2"), ("", " ", "1"), ("c", "d", ""), *[("e", "f", "1")] * 20]
    rows += [("g", str(number), "2") for number in range(20)]
    file = table(tmp_path / "a.csv", ("title", "body", "y"), *rows)
    added = add(file, text=("title", "body"), separator=" / ")
    texts = [row["text"] for row in stored(added)]
    assert texts[:4] == ["b", "a", "c / d", "e / f"] and added.mapping["text"] == ["title", "body"]
    assert (added.left_out, added.waiting) == ({"empty text": 1}, 1)


def test_parts_of_the_data_are_kept_and_missing_ones_drawn(tmp_path):
    rows = [(f"text {n}", "ab"[n % 2], ("TRAIN", "Dev", "")[n % 3]) for n in range(90)]
    main = table(tmp_path / "main.csv", ("text", "label", "split"), *rows)
    test = table(tmp_path / "test.csv", ("label", "text"), ("a", "new"), ("b", "newer"))
    added = add(main, test=str(test))
    assert added.sizes == {"train": 60, "validation": 30, "test": 2}
    assert not any("drawn" in note for note in added.notes)
    other = add(main, "other")
    assert other.sizes == {"train": 54, "validation": 30, "test": 6}
    assert other.notes == (
        "6 test texts were drawn by seed 0, a tenth of each class for each part.",
    )


def test_copies_across_the_split_leave_training_and_it_is_said(tmp_path):
    rows = with_copies_across_split(with_rare_class(reviews()), 5)
    added = add(write(tmp_path / "a.csv", rows, PANDAS))
    assert added.left_out == {"copy across the split": 5}
    assert len(stored(added)) == len(rows) - 5
    assert added.counts["train"]["mixed"] == 1 and added.counts["validation"]["mixed"] == 1


def test_copies_and_groups_are_drawn_into_one_part(tmp_path):
    rows = [(f"text {n // 2}", "ab"[n // 4 % 2], f"author {n // 5}") for n in range(200)]
    added = add(table(tmp_path / "a.csv", ("text", "label", "who"), *rows), group="who")
    parts = {}
    for row in stored(added):
        parts.setdefault(row["text"], set()).add(row["split"])
        parts.setdefault(row["group"], set()).add(row["split"])
    assert all(len(found) == 1 for found in parts.values()) and len(stored(added)) == 200


def test_texts_of_several_labels_are_stored_and_read(tmp_path):
    lines = [{"text": f"text {n}", "labels": ["x", "y"][: n % 3]} for n in range(60)]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    added = add(file)
    assert added.multi_label and [row["label"] for row in stored(added)][:3] == [
        [],
        ["x"],
        ["x", "y"],
    ]
    separated = table(
        tmp_path / "b.csv",
        ("text", "tags"),
        *((f"text {n}", "b; a"[: 1 + n % 2 * 3]) for n in range(60)),
    )
    other = add(separated, "other", label_separator=";")
    assert "separated by ';'" not in str(other.notes)
    assert not any("were merged" in note for note in other.notes)  # space belongs to the separator
    assert other.labels == ("a", "b") and stored(other)[1]["label"] == ["a", "b"]
    drain(exporting.export(other, tmp_path / "out"))
    assert (tmp_path / "out" / "train.csv").read_text().splitlines()[1:3] == [
        "text 0,b,file,0",
        "text 1,a|b,file,1",
    ]
    read = load("mine")
    assert read.multi_label and set(read.train.labels) == {(), (0,), (0, 1)}
    of_text = [tuple(range(int(text.split()[1]) % 3)) for text in read.train.texts]
    assert read.train.labels == of_text
    assert read.truth(read.train).sum(1).tolist() == [len(label) for label in of_text]


def test_a_seed_that_draws_nothing_is_told(tmp_path):
    rows = [
        (f"text {n}", "ab"[n % 2], ("train", "test", "dev")[n // 2 % 3], n // 4) for n in range(60)
    ]
    file = table(tmp_path / "a.csv", ("text", "label", "split", "n"), *rows)
    told = "Seed 7 has no effect: the data has validation and test texts of its own."
    assert told in add(file, "seven", seed=7).notes
    assert not any("Seed" in note for note in add(file, "none").notes)
    assert told not in add(table(tmp_path / "b.csv", *[row[:2] for row in rows]), "b", seed=7).notes


def test_columns_of_1_and_0_are_labels_of_which_a_text_has_any_number(tmp_path):
    rows = [(f"text {n}", n % 2, n // 2 % 2, 0, "ab"[n % 2]) for n in range(60)]
    rows.append(("nobody judged this", -1, -1, -1, "a"))
    columns = ("comment", "rude", "loud", "never", "kind")
    added = add(table(tmp_path / "a.csv", columns, *rows))
    assert added.multi_label and added.labels == ("loud", "never", "rude")
    labels = {row["text"]: row["label"] for row in stored(added)}
    assert [labels[f"text {n}"] for n in range(4)] == [[], ["rude"], ["loud"], ["loud", "rude"]]
    assert labels["nobody judged this"] is None and added.waiting == 1
    one_hot = [(f"text {n}", *(int(n % 3 == c) for c in range(3))) for n in range(60)]
    single = add(table(tmp_path / "b.csv", ("text", "a", "b", "c"), *one_hot), "single")
    assert not single.multi_label and single.labels == ("a", "b", "c")


def test_a_stored_dataset_is_exported_renamed_and_removed(tmp_path):
    added = add_reviews(tmp_path)
    drain(exporting.export(added, tmp_path / "out"))
    again = add(
        tmp_path / "out" / "train.csv",
        "again",
        validation=str(tmp_path / "out" / "validation.csv"),
        test=str(tmp_path / "out" / "test.csv"),
    )
    assert [load(name).test for name in ("mine", "again")].count(load("mine").test) == 2
    assert again.sizes == added.sizes and again.counts == added.counts
    drain(exporting.export(added, tmp_path / "parquet", "parquet"))
    names = {f"{part}.parquet": size for part, size in added.sizes.items()}
    sizes = {
        file.name: pq.read_metadata(file).num_rows for file in (tmp_path / "parquet").iterdir()
    }
    assert sizes == names
    with pytest.raises(UnfreezeError, match="already there"):
        drain(exporting.export(added, tmp_path / "out"))
    with pytest.raises(UsageError, match="is reserved"):
        datasets.rename("mine", "IMDB")
    datasets.rename("mine", "yours")
    assert datasets.title("yours") == "yours" and load("yours").fingerprint == added.fingerprint
    card.delete("yours")
    assert card.names() == ["again"] and not list(card.folder("again").parent.glob(".*"))


def test_an_empty_value_is_no_label_yet_or_none_of_them(tmp_path):
    values = ("x", "x|y", "", "|", " y | x ", "nan")
    rows = [(f"text {n}", values[n % 6]) for n in range(60)]
    file = table(tmp_path / "a.csv", ("text", "tags"), *rows)
    for name, empty in (("yet", None), ("none", [])):
        added = add(file, name, label_separator="|", empty_is_none=name == "none")
        labels = {row["text"]: row["label"] for row in stored(added)}
        expected = [["x"], ["x", "y"], empty, [], ["x", "y"], empty]
        assert [labels[f"text {n}"] for n in range(6)] == expected, name
        drain(exporting.export(added, tmp_path / name))
        again = add(tmp_path / name / "train.csv", f"{name} again", label_separator="|")
        of_text = {row["text"]: row["label"] for row in stored(again)}
        assert of_text.items() <= labels.items()


def test_joined_labels_are_recognized_and_it_is_said(tmp_path):
    rows = [(f"text {n}", "|".join("abcd"[k] for k in range(4) if n >> k & 1)) for n in range(64)]
    added = add(table(tmp_path / "a.csv", ("text", "tags"), *rows))
    assert "look like several in one value, separated by '|'" in added.notes[0]
    assert mapping.joined_by(["Smith, J", "Doe, A", "Roe, B"]) == "" == mapping.joined_by(["a"])


def test_two_datasets_of_one_title_are_told_apart_by_their_names(tmp_path):
    for name, title in (("a", "Reviews"), ("b", "reviews"), ("c", "AG News"), ("d", "Other")):
        add_reviews(tmp_path, name=name, title=title)
    titles = datasets.titles()
    expected = {"a": "Reviews (a)", "b": "reviews (b)", "c": "AG News (c)", "d": "Other"}
    assert expected.items() <= titles.items() and titles["ag_news"] == "AG News (ag_news)"
    assert datasets.title("b") == titles["b"] and datasets.title("gone") == "gone"


def test_what_cannot_be_stored_leaves_nothing_behind(tmp_path, home):
    cases = {
        "one class": [("text", "label"), *((f"text {n}", "a") for n in range(9))],
        "free text": [("text", "label"), *((f"text {n}", f"label {n}") for n in range(90))],
        "too few": [("text", "label"), ("x", "a"), ("y", "b"), ("z", "a")],
        "strange split": [
            ("text", "label", "split"),
            *((f"text {n}", "ab"[n % 2], "7") for n in range(9)),
        ],
    }
    messages = {
        "one class": "All 9 labels.*'a'",
        "free text": "free text",
        "too few": "3 different texts are too few",
        "strange split": "split column 'split' has the value '7'",
    }
    for case, rows in cases.items():
        file = table(tmp_path / f"{case}.csv", *rows)
        given = {"split": "split"} if case == "strange split" else {}
        with pytest.raises(UsageError, match=messages[case]):
            add(file, **given)
    assert card.names() == [] and not (home / "datasets").exists()


def test_texts_without_a_label_are_kept_and_counted(tmp_path):
    rows = [(f"text {n}", "ab"[n % 2] if n < 60 else " ") for n in range(90)]
    rows += [("TEXT  3", ""), ("text 80", "")]  # copies: of a labelled text, of one without a label
    partly = add(table(tmp_path / "a.csv", ("text", "label"), *rows))
    assert partly.sizes == {"train": 48, "validation": 6, "test": 6}
    assert partly.unlabelled == {"train": 24, "validation": 3, "test": 3}
    assert partly.left_out == {
        "copy of a labelled text": 1,
        "copy of another text without a label": 1,
    }
    assert partly.notes[:2] == (
        "1 text without a label was left out: it is a copy of a labelled text, apart from case and spaces.",
        "30 of 90 texts have no label. They are kept out of training until they get one (on the page Label).",
    )
    dataset = load("mine")
    assert len(dataset.train.texts) == 54 and dataset.fingerprint == partly.fingerprint
    alone = add(table(tmp_path / "b.csv", ("text",), *([row[0]] for row in rows)), "alone")
    assert alone.labels == () and alone.waiting == 90
    assert alone.notes[0].startswith("No column of labels was found (name it: --label), so all 90")
    other = add(tmp_path / "a.csv", "other", label=None)
    assert other.labels == () and other.fingerprint == alone.fingerprint
    with pytest.raises(
        UsageError, match=r"Fewer than two classes .* labels first \(on the page Label\)"
    ):
        datasets.check_trainable("alone")


def test_labels_of_the_test_texts_alone_are_found(tmp_path):
    main = table(tmp_path / "main.csv", ("text",), *((f"text {n}",) for n in range(40)))
    test = table(
        tmp_path / "test.csv", ("text", "label"), *((f"new {n}", "ab"[n % 2]) for n in range(20))
    )
    added = add(main, test=str(test))
    assert added.sizes == {"train": 0, "validation": 0, "test": 20}
    assert (added.labels, added.unlabelled) == (("a", "b"), {"train": 36, "validation": 4})


def test_a_file_that_is_sorted_by_its_labels_and_has_no_header(tmp_path):
    rows = [
        ("0" if n < 6000 else "4", n, "NO_QUERY", f"It is text {n} of many") for n in range(6500)
    ]
    added = add(table(tmp_path / "tweets.csv", *rows))
    assert (added.labels, added.mapping["text"]) == (("0", "4"), ["column 4"])


def test_what_was_guessed_among_others_is_said(tmp_path):
    rows = [
        ("a" * (n % 2) or "b", f"Title {n} of a text", f"The text {n} of a longer kind")
        for n in range(60)
    ]
    added = add(table(tmp_path / "news.csv", ("category", "title", "text"), *rows))
    assert added.notes[0] == "The column 'title' could hold the texts, too, and 'text' was taken."


@pytest.mark.parametrize(
    ("file", "given", "message"),
    [
        (
            "a.csv",
            {"sheet": "x"},
            "a.csv is read as csv, which has no sheet to choose: omit --sheet.",
        ),
        ("a.jsonl", {"delimiter": ";"}, "no delimiter"),
        ("a.jsonl", {"header": True}, "no header"),
    ],
)
def test_what_is_said_of_a_file_without_effect_is_refused(tmp_path, file, given, message):
    content = {"a.csv": "text,label\n1,a\n2,b\n", "a.jsonl": '{"text": "one", "label": "a"}\n'}
    (tmp_path / file).write_text(content[file])
    with pytest.raises(UsageError, match=message):
        add(tmp_path / file, **given)
