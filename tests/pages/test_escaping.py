"""Escaping for Markdown, HTML and CSV."""

import pandas as pd

from pages.components.text.escaping import escape_formulas, escape_markdown
from pages.components.text.html_fragments import example_text, mark_matches, probability_bars


def test_markdown_is_escaped_and_joined_to_one_line():
    escaped = r"\*\*a\*\* \[b\]\(c\) \<d\> \$e\$ \:red\[f\]"
    assert escape_markdown("**a** [b](c) <d> $e$ :red[f]") == escaped
    assert "\n" not in escape_markdown("# a\n- b")


def test_formulas_in_cells_and_headings_of_a_csv_are_escaped():
    table = pd.DataFrame({"=run": ["=1+1", "+1", "-1", "@a", "plain", "a=b"], "confidence": 0.5})
    escaped = escape_formulas(table)
    assert list(escaped["'=run"]) == ["'=1+1", "'+1", "'-1", "'@a", "plain", "a=b"]
    assert escaped["confidence"].eq(0.5).all()


def test_matches_are_marked_ignoring_case_and_escaped():
    mark = '<mark style="background:#FDE68A;color:#11141A;border-radius:.2rem">'
    assert mark_matches("A <b> Film", "film") == f"A &lt;b&gt; {mark}Film</mark>"
    assert mark_matches("a <b>", "<B>") == f"a {mark}&lt;b&gt;</mark>"
    assert mark_matches("a.c abc", "a.c") == f"{mark}a.c</mark> abc"
    assert mark_matches("<i>", "") == "&lt;i&gt;"


def test_an_excerpt_shows_the_match_and_folds_the_rest():
    example = example_text("a" * 900 + " needle " + "b" * 900, "x", "#000000", "needle", 400)
    head = example[: example.index("</summary>")]
    assert ">needle</mark>" in head and len(head) < 800
    assert "b" * 900 in example
    assert "<details>" not in example_text("short", "x", "#000000", "", 400)


def test_bars_of_many_classes_are_the_most_probable_ones_and_a_fold_with_the_rest():
    few = {"b <i>": 0.2, "a": 0.8}
    bars = probability_bars({"a_b": 1.0}, {"a_b": "#112233"}, ["a_b"], {})
    assert ">a_<wbr>b<" in bars  # a long name breaks between its words
    bars = probability_bars(few, dict.fromkeys(few, "#112233"), ["a"], {})
    assert bars.index("b &lt;i&gt;") < bars.index(">a<"), "in the order of the classes"
    many = {f"class {number}": 0.1 / 199 for number in range(200)} | {"class 150": 0.9}
    bars = probability_bars(many, dict.fromkeys(many, "#112233"), ["class 150"], {})
    shown, folded = bars.split("<details", 1)
    assert shown.index("class 150") < shown.index("class 0<") and shown.count("class ") == 6
    assert "194 more, together 9.7%" in folded and folded.count("class ") == 194


def test_bars_of_several_labels_are_not_added_up_and_no_answered_one_is_folded():
    chances = {f"class {number}": 0.4 + number / 1000 for number in range(200)}
    limits = dict.fromkeys(chances, 0.5) | {f"class {number}": 0.1 for number in range(10)}
    answered = [name for name, chance in chances.items() if chance >= limits[name]]
    bars = probability_bars(chances, dict.fromkeys(chances, "#112233"), answered, limits)
    shown, folded = bars.split("<details", 1)
    assert shown.count("font-weight:600") == len(answered) == 109 + 1
    assert "font-weight:600" not in folded and "90 more, up to 49.9% each" in folded
    assert "together" not in folded and shown.count("Answered from 10% on") == 10
