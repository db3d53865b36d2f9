"""Lines of texts, with and without labels before them."""

import pytest

from tests.helpers.tables import read_table, write

QUESTIONS = ["How did it start ?", "Who began ?", "What is a comet ?", "How far is it ?"]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("__label__a One, two\n__label__b Three\n", [("a", "One, two"), ("b", "Three")]),
        ("__label__a __label__b One\n__label__b", [(["a", "b"], "One"), (["b"], "")]),
        (
            "DESC:def What is it?\nHUM:ind Who, then?\n",
            [("DESC:def", "What is it?"), ("HUM:ind", "Who, then?")],
        ),
        ("DESC:def:What is it?\nHUM:ind:Who?", [("DESC:def", "What is it?"), ("HUM:ind", "Who?")]),
        (
            "DESC:How is it?\nHUM:Who is it?\nENTY:How is it?\nDESC:Who?\n" * 5,
            [
                ("DESC", "How is it?"),
                ("HUM", "Who is it?"),
                ("ENTY", "How is it?"),
                ("DESC", "Who?"),
            ]
            * 5,
        ),
        ("pos: I liked: it\rneg: No\r", [("pos", "I liked: it"), ("neg", "No")]),  # of old Macs
        (
            "0 a fine film\n1 no\n0 a\n1 b",
            [("0", "a fine film"), ("1", "no"), ("0", "a"), ("1", "b")],
        ),
        ("DESC How?\nHUM Who?\n" * 2, [("DESC", "How?"), ("HUM", "Who?")] * 2),
    ],
)
def test_labels_before_the_texts(tmp_path, content, rows):
    _, table, _ = read_table(write(tmp_path / "texts.txt", content))
    assert [(row["label"], row["text"]) for row in table.to_pylist()] == rows


def test_questions_have_fine_and_coarse_labels(tmp_path):
    lines = "".join(f"DESC:manner {each}\nHUM:ind {each}\n" for each in QUESTIONS)
    form, table, _ = read_table(
        write(tmp_path / "train.label", lines.replace("a ", "\xe0 "), "cp1252")
    )
    assert form.notes[-1] == "Each line begins with its label, whose first part is in coarse_label."
    assert table["coarse_label"].to_pylist() == ["DESC", "HUM"] * len(QUESTIONS)


@pytest.mark.parametrize(
    "lines",
    [
        [*QUESTIONS, *(each.lower() for each in QUESTIONS)] * 2,
        [f"{number} texts in a row" for number in range(60)],
        ["the film was good", "i liked the film"] * 10,
        [f"http://127.0.0.1/{number} is the address" for number in range(60)],
    ],
)
def test_first_words_that_are_no_labels(tmp_path, lines):
    form, table, _ = read_table(write(tmp_path / "texts.txt", "\n".join(lines)))
    assert form.columns == ("text",) and table["text"].to_pylist() == lines


def test_a_line_without_a_label(tmp_path):
    lines = ["DESC:def What is it?", "HUM:ind Who is it?"] * 60
    form, table, _ = read_table(write(tmp_path / "train.label", "\n".join([*lines, "What?"])))
    assert (form.labels, table["label"].to_pylist()[-1]) == ("trec", None)


def test_a_tab_separates_columns(tmp_path):
    lines = ['0\t17\tHe said "no', "1\t18\tGo, now"] * 40
    form, table, outcome = read_table(write(tmp_path / "SMSSpamCollection", "\n".join(lines)))
    assert (form.kind, len(form.columns), outcome.bad) == ("csv", 3, 0)
    assert table["column 3"].to_pylist()[:2] == ['He said "no', "Go, now"]
