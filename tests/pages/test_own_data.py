"""Data of one's own on the pages: offered by its name, shown, and missed once it is gone."""

import pytest

from ftcore.data.store import card
from tests.helpers import messy_tables, small_runs
from tests.helpers.app_pages import open_page, press, text
from tests.helpers.own_data import add, add_reviews

pytestmark = pytest.mark.usefixtures("small_checkpoints")


def three_classes(folder):
    rows = [row._replace(split="train") for row in messy_tables.news() if row.label != "World"] * 3
    rows = [row._replace(text=f"{row.text} {n}") for n, row in enumerate(rows)]
    return add(messy_tables.write(folder / "news.csv", rows), "news", title="My *news*")


def test_the_forms_offer_data_by_its_title_and_know_its_classes(tmp_path):
    three_classes(tmp_path)
    app = open_page("train")
    choice = app.selectbox(key="setting_dataset")
    assert choice.options[-1] == "My *news*"
    choice.set_value("news").run()
    assert not app.exception and "4 classes before, 3 now" in text(app)
    assert not any(each.key == "setting_source" for each in app.text_input)
    app = open_page("compare")
    app.selectbox(key="setting_dataset").set_value("news").run()
    examples = "\n".join(card.get("news").examples)
    assert not app.exception and app.text_area(key="compare_watch_news").value == examples
    add_reviews(tmp_path, name="films")
    app.run()
    app.selectbox(key="setting_dataset").set_value("films").run()
    card.delete("films")
    app.run()
    assert not app.exception and app.selectbox(key="setting_dataset").value == "sample"


def test_the_data_page_shows_it(tmp_path):
    added = three_classes(tmp_path)
    app = open_page("data", dataset="news")
    shown = {metric.label: metric.value for metric in app.metric}
    assert not app.exception and shown["Classes"] == "3"
    assert shown["Validation"] == str(added.sizes["validation"])


def test_a_run_says_if_its_data_is_gone_and_many_labels_have_no_weights(tmp_path):
    add_reviews(tmp_path, name="films")
    run_id = small_runs.run(dataset="films")
    assert "films is not what this run began with" in text(open_page("train", run=run_id))
    card.delete("films")
    app = open_page("train", run=run_id)
    assert not app.exception and "The data of this run, films, is gone" in text(app)
    several = [messy_tables.Row(f"text {n}", "a;b" if n % 2 else "a") for n in range(60)]
    add(messy_tables.write(tmp_path / "several.csv", several), "several", label_separator=";")
    app = open_page("train", session={"train_more": True})
    app.selectbox(key="setting_dataset").set_value("several").run()
    app.text_input(key="setting_class_weights").set_value("balanced").run()
    press(app, "Start")
    assert "have no weights" in text(app)
