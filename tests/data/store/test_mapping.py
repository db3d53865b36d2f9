"""Which columns hold what, from some rows of each."""

import pytest

from ftcore.data.store.mapping import Columns, complete, doubts
from ftcore.errors import UsageError

LONG = [
    "It rained all day in the north.",
    "They won the cup after extra time.",
    "Snow at last.",
] * 20
SAMPLE = {
    "column 1": [str(number) for number in range(60)],
    "kind": ["a", "b", "a"] * 20,
    "body": LONG,
    "part": ["train", "Dev", "test"] * 20,
    "author": ["Ann", "Ben", "Cy", "Di"] * 15,
}


def test_text_label_and_split_are_guessed_from_values():
    assert complete(Columns(), SAMPLE) == Columns(("body",), "kind", "part")


def test_what_is_given_is_left_alone_also_in_another_case():
    given = Columns(("Kind", "body"), "author", group="part")
    assert complete(given, SAMPLE) == Columns(("kind", "body"), "author", "", "part")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"text": LONG, "topic": ["x", "y"] * 30, "rating": ["1", "2"] * 30}, "topic"),
        ({"text": LONG, "flag": ["0", "1"] * 30, "label": LONG[::-1]}, "label"),
        ({"text": LONG, "hour": [str(n % 24) for n in range(60)], "good": ["0", "1"] * 30}, "good"),
        (
            {"text": LONG, "score": [str(n) for n in range(60)], "m.label.fine": ["a"] * 60},
            "m.label.fine",
        ),
        ({"text": LONG, "score": [str(n) for n in range(60)], "kind": ["a", "b"] * 30}, "kind"),
        ({"text": LONG, "score": ["1", "2", "3"] * 20, "new": ["a", "b"] * 30}, "score"),
        ({"text": LONG, "label": [["a"], ["a", "b"], []] * 20}, "label"),
        (
            {"text": LONG, "reason": ["", "", "late", "lost"] * 15, "kind": ["a", "b", "c"] * 20},
            "kind",
        ),
        (
            {"text": LONG, "go": ["a", "b"] * 30, "airline_sentiment": ["x", "y", "z"] * 20},
            "airline_sentiment",
        ),
        (
            {"text": LONG, "verified": ["true", "false"] * 30, "overall": ["5", "4", "3"] * 20},
            "overall",
        ),
    ],
)
def test_the_label_is_guessed_by_name_then_by_the_number_of_values(columns, expected):
    assert complete(Columns(("text",)), columns).label == expected


def test_without_a_column_that_can_be_one_there_is_no_label():
    ids = {"text": LONG, "id": list(map(str, range(60)))}
    assert complete(Columns(), ids) == Columns(("text",))
    assert complete(Columns(label=None), SAMPLE) == Columns(("body",), None, "part")


YES, NO = ["0", "1"] * 30, ["0"] * 60


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"toxic": YES, "threat": YES, "insult": NO}, ("toxic", "threat", "insult")),
        ({"n": YES, "text": LONG, "a": YES, "b": ["1.0", "0.0"] * 30, "c": YES}, ("a", "b", "c")),
        ({"toxic": YES, "threat": YES}, ()),  # perhaps a label and a fact of another kind
        ({"toxic": YES, "threat": NO, "insult": NO}, ()),
        ({"toxic": YES, "threat": YES, "insult": YES, "sentiment": ["a", "b"] * 30}, ()),
        ({"a": YES, "b": YES, "c": YES, "stars": ["1", "2", "3"] * 20}, ()),
    ],
)
def test_columns_of_1_and_0_side_by_side_are_a_label_each(more, expected):
    columns = complete(Columns(), {"comment": LONG, **more})
    assert columns.indicators == expected and bool(columns.label) != bool(expected)
    sentences = " ".join(doubts(Columns(), columns, {"comment": LONG, **more}))
    assert ("hold 1 or 0, so each is a label of its own" in sentences) == bool(expected)


def test_a_usual_name_of_a_text_decides_between_long_columns():
    columns = {
        "notes": [f"{text} More." for text in LONG],
        "review": LONG,
        "label": ["a", "b"] * 30,
    }
    assert complete(Columns(), columns).text == ("review",)
    columns["review"] = ["short"] * 60
    assert complete(Columns(), columns).text == ("notes",)


@pytest.mark.parametrize(
    ("given", "columns", "message"),
    [
        (Columns(label="knd"), SAMPLE, r"no column 'knd'; did you mean kind\?"),
        (Columns(("body",), "body"), SAMPLE, "named twice"),
        (Columns(label="label"), {"label": ["a", "b"]}, "holds texts"),
        (Columns(indicators=("kind", "part")), SAMPLE, "several columns of labels have 1 or 0"),
        (
            Columns(),
            {"a": [None] * 9, "b": [None] * 9},
            r"texts: name it \(--text\) among 'a' and 'b'\.",
        ),
    ],
)
def test_what_cannot_be_mapped_is_refused(given, columns, message):
    with pytest.raises(UsageError, match=message):
        complete(given, columns)


def test_a_split_that_names_of_files_say_is_taken_whatever_the_first_rows_have():
    columns = {"text": LONG, "label": ["a", "b"] * 30, "split": [None] * 60}
    assert complete(Columns(), columns).split == ""
    assert complete(Columns(), columns, ["split"]).split == "split"


@pytest.mark.parametrize(
    ("more", "label", "sentence"),
    [
        (
            {"fine_label": list("abc") * 20},
            "coarse_label",
            "'fine_label' could hold the labels, too, and ",
        ),
        (
            {"team": list("abc") * 20},
            "kind",
            "'team' could hold the labels, too, and 'kind' was taken.",
        ),
        (
            {"title": [f"A title of {n}" for n in range(60)]},
            "kind",
            "'title' could hold the texts, too, ",
        ),
        ({"team": list("abc") * 20}, "label", ""),
        ({"useful": ["0", "1", "2"] * 20}, "stars", ""),
        ({"file": [f"mine/train/pos/{n}_of_many.txt" for n in range(60)]}, "label", ""),
        ({"at": [f"2020-01-{n % 28} 10:{n} PM GMT" for n in range(60)]}, "label", ""),
    ],
)
def test_other_columns_that_could_be_meant_are_named(more, label, sentence):
    sample = {
        "text": [f"{text} {n}" for n, text in enumerate(LONG)],
        label: ["a", "b"] * 30,
        **more,
    }
    found = doubts(Columns(), complete(Columns(), sample), sample)
    assert len(found) == bool(sentence) and sentence in "".join(found)
    assert not doubts(Columns(("text",), label), Columns(("text",), label), sample)
