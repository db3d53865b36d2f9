"""Data of one's own on the Data page: the form that adds it, what was found, what can be done about it."""

import os

import pyarrow.parquet as pq

from ftcore import paths, tracking
from ftcore.data.store import card
from ftcore.events import Finished
from tests.helpers import small_runs, tables
from tests.helpers.app_pages import button_labels, open_page, press, text
from tests.helpers.messy_tables import GERMAN_EXCEL, PANDAS, Row, Sins, reviews, write
from tests.helpers.own_data import add

ADDED = {"add": "texts"}


def labelled(elements, label):
    return next(element for element in elements if element.label == label)


def by_path(file, **query):
    """The form with the path of a file."""
    app = open_page("data", **ADDED)
    app.button_group(key="add_file_kind").set_value("Path or Hub").run()
    return app.text_input(key="add_file_path").set_value(str(file)).run()


def uploaded(file):
    """The form with an uploaded file."""
    app = open_page("data", **ADDED)
    return app.file_uploader[0].set_value((file.name, file.read_bytes(), "")).run()


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def test_the_empty_form_says_what_to_do_next():
    app = press(open_page("data"), "Add your own")
    assert not app.exception and "Give a file" in app.info[0].value
    assert "Add" not in button_labels(app)
    press(app, "Back to the data")
    assert "add" not in app.query_params and app.selectbox(key="dataset").value == "sample"


def test_an_upload_is_recognized_mapped_added_and_shown(tmp_path):
    app = uploaded(write(tmp_path / "Film reviews.csv", reviews(), GERMAN_EXCEL))
    assert not app.exception and not app.error
    assert (
        labelled(app.selectbox, "Columns are separated by").options[0] == "semicolon (recognized)"
    )
    assert labelled(app.selectbox, "Encoding").options[0] == "cp1252 (recognized)"
    assert list(app.dataframe[0].value.columns) == ["review", "sentiment"]
    assert labelled(app.multiselect, "Text").value == ["review"]
    assert labelled(app.selectbox, "Label").value == "sentiment"
    assert labelled(app.text_input, "Name").value == "Film reviews"
    press(app, "Add")
    assert not app.exception and not app.error
    added = card.get("Film reviews")
    assert added.source == "Film reviews.csv, uploaded" == added.files[0]["path"]
    assert metrics(app)["Classes"] == "2" and metrics(app)["Test"] == str(added.sizes["test"])
    assert "Labels that differ only by case or outer space were merged" in text(app)
    assert "--" not in text(app)


def test_columns_of_1_and_0_are_labels_until_another_choice_is_made(tmp_path):
    rows = [f"text {n},{n % 2},{n // 2 % 2},0" for n in range(60)]
    app = by_path(tables.write(tmp_path / "a.csv", "\n".join(["comment,rude,loud,late", *rows])))
    chosen = labelled(app.multiselect, "Columns of labels")
    assert chosen.value == ["rude", "loud", "late"]
    assert "rude (30), loud (30)" in text(app)
    chosen.set_value(["rude", "loud"]).run()
    press(app, "Add")
    assert not app.exception and not app.error
    added = card.get("a")
    assert added.multi_label and added.labels == ("loud", "rude")
    assert "any number of labels a text from rude and loud" in text(app)


def test_copies_of_uploads_are_removed(tmp_path):
    file = write(tmp_path / "mine.csv", reviews())
    copies = paths.temporary_dir().rglob
    app = uploaded(file)
    assert len(list(copies("mine.csv"))) == 1
    press(app, "Add")
    assert not list(copies("mine.csv")) and card.names() == ["mine"]


def test_what_was_recognized_can_be_corrected(tmp_path):
    app = by_path(write(tmp_path / "a.csv", reviews(), Sins(header=False)))
    header = labelled(app.selectbox, "The first row")
    assert header.options[0] == "is a text (recognized)"
    first = app.dataframe[0].value.iloc[0, 0]
    header.set_value(True).run()
    assert app.dataframe[0].value.columns[0] == first
    labelled(app.selectbox, "The first row").set_value("").run()
    labelled(app.selectbox, "Columns are separated by").set_value(";").run()
    assert len(app.dataframe[0].value.columns) == 1
    labelled(app.selectbox, "Columns are separated by").set_value("").run()
    labelled(app.selectbox, "Encoding").set_value("utf-16").run()
    assert not app.exception and len(app.error) == 1 and not app.dataframe
    labelled(app.selectbox, "Encoding").set_value("").run()
    assert len(app.dataframe[0].value.columns) == 2


def test_a_fault_is_one_sentence_and_the_form_keeps_what_was_entered(tmp_path):
    add(write(tmp_path / "taken.csv", reviews()), "taken")
    app = by_path(write(tmp_path / "b.csv", reviews(), PANDAS))
    labelled(app.selectbox, "Label").set_value("review").run()
    labelled(app.text_input, "Name").set_value("films").run()
    press(app, "Add")
    assert not app.exception and len(app.error) == 1
    labelled(app.selectbox, "Label").set_value("sentiment").run()
    labelled(app.text_input, "Name").set_value("Taken").run()
    press(app, "Add")
    assert "There is already a dataset" in text(app) and card.names() == ["taken"]
    assert labelled(app.text_input, "Name").value == "Taken"
    labelled(app.text_input, "Name").set_value("films").run()
    press(app, "Add")
    assert not app.error and card.names() == ["films", "taken"]
    assert "is not there" in text(by_path(tmp_path / "missing.csv"))


def test_a_split_that_looks_like_one_is_left_alone_on_request(tmp_path):
    file = write(tmp_path / "a.csv", reviews(), PANDAS)
    app = by_path(file)
    assert labelled(app.selectbox, "Split").value == "split"
    labelled(app.selectbox, "Split").set_value("").run()
    press(app, "Add")
    assert "drawn by seed" in text(app) and card.get("a").mapping["split"] == ""


def test_several_text_columns_and_separate_files(tmp_path):
    lines = "\n".join(f"Title {n},Body {n},{'xy'[n % 2]}" for n in range(60))
    (tmp_path / "news.csv").write_text(f"title,body,label\n{lines}\n")
    tests = "\n".join(f"Test {n},Other {n},{'xy'[n % 2]}" for n in range(8))
    (tmp_path / "test.csv").write_text(f"title,body,label\n{tests}\n")
    app = by_path(tmp_path / "news.csv")
    labelled(app.multiselect, "Text").set_value(["title", "body"]).run()
    labelled(app.selectbox, "Joined by").set_value(". ").run()
    app.button_group(key="add_test_kind").set_value("Path or Hub").run()
    app.text_input(key="add_test_path").set_value(str(tmp_path / "test.csv")).run()
    press(app, "Add")
    added = card.get("news")
    assert added.sizes["test"] == 8
    assert "Title 0. Body 0" in pq.read_table(added.texts)["text"].to_pylist()


def test_findings_are_acted_on_when_asked(tmp_path):
    rows = [*reviews(), Row("Good, and bad.", "mixed"), Row("So so.", "mixed")]
    rows += [Row("One and the same text.", label) for label in ("pos", "neg")]
    add(write(tmp_path / "mine.csv", rows, PANDAS), "mine")
    app = open_page("data", dataset="mine")
    assert not app.exception and metrics(app)["Classes"] == "3"
    before = sum(card.get("mine").sizes.values())
    app.button(key="act_two-labels").click().run()
    assert not app.exception and not app.error
    assert "2 for text under two labels" in text(app)
    assert sum(card.get("mine").sizes.values()) == before - 2
    app.button(key="act_few-examples").click().run()
    assert "3 classes now, 3 then" in text(app)


def test_it_leads_to_train_with_it_chosen(tmp_path, small_checkpoints):
    add(write(tmp_path / "mine.csv", reviews()), "mine")
    app = press(open_page("data", dataset="mine"), "Train on it")
    assert not app.exception and app.selectbox(key="setting_dataset").value == "mine"


def test_rows_kept_aside_are_counted_and_shown(tmp_path):
    file = write(tmp_path / "mine.csv", reviews())
    with file.open("a") as out:
        out.write("one,two,three,four\r\n")
    add(file, "mine")
    app = open_page("data", dataset="mine")
    assert "1 row could not be read and was kept aside" in text(app)
    app.button(key="show_aside").click().run()
    assert "one,two,three,four" in app.dataframe[-1].value.to_string()


def test_rename_and_delete_are_refused_while_a_run_needs_it(tmp_path, small_checkpoints):
    add(write(tmp_path / "mine.csv", reviews()), "mine")
    run_id = small_runs.run("queued", dataset="mine")
    app = open_page("data", dataset="mine")
    labelled(app.text_input, "Name").set_value("films").run()
    app.button(key="rename_dataset").click().run()
    assert "still needed by" in text(app) and card.names() == ["mine"]
    app = press(open_page("data", dataset="mine"), "Delete")
    assert "End and delete" in button_labels(app)
    tracking.finish(run_id, Finished("stopped", ""))
    app = open_page("data", dataset="mine")
    labelled(app.text_input, "Name").set_value("films").run()
    app.button(key="rename_dataset").click().run()
    assert card.names() == ["films"] and app.selectbox(key="dataset").value == "films"


def test_the_choice_outlasts_a_change_of_its_texts(tmp_path):
    rows = [*reviews(), *(Row("One and the same text.", label) for label in ("pos", "neg"))]
    add(write(tmp_path / "mine.csv", rows, PANDAS), "mine")
    app = open_page("data", dataset="mine")
    before = app.selectbox(key="dataset").options
    app.button(key="act_two-labels").click().run()
    assert (
        app.selectbox(key="dataset").options
        == before
        == [
            *("Built-in sample", "IMDB film reviews", "AG News"),
            "mine",
        ]
    )


def test_how_the_texts_fit_a_checkpoint_is_said_on_request(tmp_path, small_checkpoints):
    add(write(tmp_path / "mine.csv", reviews(), PANDAS), "mine")
    app = press(open_page("data", dataset="mine"), "Check")
    assert not app.exception and "The model does not know" in text(app)


def test_a_damaged_dataset_can_be_deleted(tmp_path, small_checkpoints):
    added = add(write(tmp_path / "mine.csv", reviews()), "mine")
    (added.folder / card.CARD).write_text("{")
    os.utime(added.folder / card.CARD, (0, 0))  # the clock of files may not have moved on
    app = open_page("data", dataset="mine")
    assert "is damaged" in app.error[0].value and not app.exception
    assert "Keep" in button_labels(press(app, "Delete"))
