"""The page Label: classes, one text after the other, Undo, Skip and Drop, and who gave what."""

import pytest

from ftcore.active_learning import vectors
from ftcore.data.store import journal, versions
from ftcore.data.store.card import Card
from tests.helpers.app_pages import button_labels, open_page, press, text
from tests.helpers.own_data import add


@pytest.fixture(autouse=True)
def no_vectors(monkeypatch):
    """All texts are drawn at random: no model is loaded."""
    monkeypatch.setattr(vectors, "in_parts", lambda *_: iter(()))


@pytest.fixture
def mine(tmp_path) -> Card:
    """Forty texts without a label."""
    (tmp_path / "a.csv").write_text("\n".join(["text", *(f"letter number {n}" for n in range(40))]))
    return add(tmp_path / "a.csv")


def test_without_texts_the_page_leads_to_adding_some():
    app = press(open_page("label"), "Add your own")
    assert not app.exception and "Add your own texts" in text(app)


def test_classes_are_defined_and_texts_labelled_one_after_the_other(mine):
    app = open_page("label", dataset="mine")
    app.text_area[0].set_value("praise\ncomplaint\npraise")
    press(app, "Start labelling")
    assert "There is already a class 'praise'" in text(app)
    app.text_area[0].set_value("praise\ncomplaint")
    press(app, "Start labelling")
    first = text(app)
    assert "letter number" in first and "0 of 40 texts have a label" in first
    press(app, "praise")
    assert text(app) != first and "1 of 40 texts have a label" in text(app)
    press(app, "complaint")
    press(app, "Drop")
    _, one, two, dropped = journal.read(mine)
    assert [each.now.label for each in (one, two, dropped)] == [("praise",), ("complaint",), None]
    assert (one.by, one.arm, one.now.origin, dropped.now.origin) == (
        "Labeller",
        "start",
        "person",
        "dropped",
    )


def test_undo_shows_the_same_text_again_and_skip_another(mine):
    app = open_page("label", dataset="mine")
    app.text_area[0].set_value("praise\ncomplaint")
    press(app, "Start labelling")
    press(app, "praise")
    press(app, "Undo")
    assert versions.get("mine").waiting == 40 and "0 of 40 texts" in text(app)
    press(app, "complaint")
    entries = journal.read(mine)
    assert entries[1].text == entries[3].text and entries[2].takes_back == 2
    shown = text(app)
    press(app, "Skip")
    assert text(app) != shown and len(journal.read(mine)) == 4


def test_a_click_that_arrives_twice_counts_once(mine):
    app = open_page("label", dataset="mine")
    app.text_area[0].set_value("praise\ncomplaint")
    press(app, "Start labelling")
    session = app.session_state["label_session"]
    first = session.shown
    for _ in range(2):
        session.give(first, ("praise",))
    app.run()
    session.give(first, ("complaint",))
    assert [each.now.label for each in journal.read(mine)[1:]] == [("praise",)]
    session.undo(2), session.undo(2)
    assert len(journal.read(mine)) == 3 and session.next() == first


def test_more_than_nine_classes_are_searched(mine):
    app = open_page("label", dataset="mine")
    app.text_area[0].set_value("\n".join(f"class {n}" for n in range(1, 13)))
    press(app, "Start labelling")
    assert {"class 1", "class 9"} <= button_labels(app) and "class 10" not in button_labels(app)
    other = next(each for each in app.selectbox if each.label == "Another class")
    other.set_value("class 12").run()
    assert not app.exception and journal.read(mine)[-1].now.label == ("class 12",)


def test_two_people_get_different_texts_and_both_names_stand_there(mine):
    ann = open_page("label", dataset="mine")
    ann.text_area[0].set_value("praise\ncomplaint")
    press(ann, "Start labelling")
    ben = open_page("label", dataset="mine", session={"label_person": "Ben"})
    assert "letter number" in text(ben) and text(ben) != text(ann)
    press(ann, "praise")
    press(ben, "praise")
    labels = journal.read(mine)[1:]
    assert {each.by for each in labels} == {"Labeller", "Ben"} and len(
        {e.text for e in labels}
    ) == 2
    assert "Given by: " in text(ben) and "Ben 1" in text(ben)


def test_train_opens_with_data_that_has_no_label_yet(mine):
    app = open_page("label", dataset="mine")
    app.text_area[0].set_value("praise\ncomplaint")
    press(app, "Start labelling")
    press(app, "Train on it")
    assert not app.exception and app.title[0].value == "Train"
