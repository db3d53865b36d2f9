"""Data: the figures of a dataset, where it is read from, and its texts."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from ftcore import formatting
from tests.helpers import own_data
from tests.helpers.app_pages import html, open_page, press, text
from tests.helpers.dataset_files import ROWS, csvs

REVIEW = "A <b>bold</b> film number {}. <script>alert(1)</script>"


@pytest.fixture
def reviews(tmp_path):
    """Twelve reviews per class and part in IMDB's layout; negative training reviews are long."""
    for folder in ("train/neg", "train/pos", "test/neg", "test/pos"):
        (tmp_path / "aclImdb" / folder).mkdir(parents=True)
        ending = " dull" * 300 if folder == "train/neg" else ""
        for number in range(12):
            review = f"{folder} {REVIEW.format(number)}{ending}"
            (tmp_path / "aclImdb" / folder / f"{number}_5.txt").write_text(review)
    return tmp_path / "aclImdb"


def load_imdb(source: object) -> AppTest:
    app = open_page("data", dataset="IMDB film reviews")
    app.text_input(key="data_source_imdb").set_value(str(source)).run()
    return press(app, "Load")


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_sample_is_shown_at_once_and_called_synthetic():
    app = open_page("data")
    assert not app.exception and "dataset" not in app.query_params
    assert "Synthetic" in app.info[0].value
    assert metrics(app)["Classes"] == "2" and metrics(app)["Test"] == "1,000"
    assert len(html(app)) == 10 and len(app.get("plotly_chart")) == 2


@pytest.mark.parametrize("stored", [False, True])
def test_the_chart_counts_the_training_texts_of_the_figures(tmp_path, stored):
    if stored:
        own_data.add_reviews(tmp_path)
    app = open_page("data", dataset="mine" if stored else "sample")
    [bars] = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert metrics(app)["Validation"] != "0"
    assert formatting.count(sum(bars["x"])) == metrics(app)["Training"]


def test_the_dataset_of_an_address_is_chosen_and_waits_for_a_click():
    app = open_page("data", dataset="imdb")
    for _ in range(2):
        assert app.query_params["dataset"] in ("imdb", ["imdb"])
        assert not app.exception and not app.metric and "Load it" in app.info[0].value
        app.run()
    app.selectbox(key="dataset").set_value("ag_news").run()
    assert app.query_params["dataset"] in ("ag_news", ["ag_news"])
    assert app.selectbox(key="dataset").value == "ag_news"


def test_a_local_folder_is_shown_and_read_again_once_it_has_changed(reviews):
    app = load_imdb(reviews)
    assert not app.exception and not app.error and not app.info
    assert metrics(app) == {"Training": "22", "Validation": "2", "Test": "24", "Classes": "2"}
    assert str(reviews) in text(app)
    shown = "".join(html(app))
    assert "<script" not in shown and "&lt;script&gt;" in shown and "<b>" not in shown
    assert "**50.0%** of the training texts are longer" in text(app)
    app.select_slider(key="data_longest").set_value(384).run()
    assert "**0.0%** of the training texts" in text(app)
    (reviews / "test" / "neg" / "0_5.txt").unlink()
    reviews.touch()
    assert metrics(load_imdb(reviews))["Test"] == "23"


def test_a_csv_edited_in_place_shows_its_new_content(tmp_path):
    csvs(tmp_path, [*ROWS, *ROWS])

    def load() -> AppTest:
        app = open_page("data", dataset="ag_news")
        app.text_input(key="data_source_ag_news").set_value(str(tmp_path)).run()
        return press(app, "Load")

    assert "Late goal" in "".join(html(load()))
    file = tmp_path / "train.csv"
    with file.open("r+b") as content:  # the folder and the size stay as they are
        edited = content.read().replace(b"Late goal", b"Next goal")
        content.seek(0)
        content.write(edited)
    shown = "".join(html(load()))
    assert "Next goal" in shown and "Late goal" not in shown


def test_how_files_were_read_is_said(reviews):
    (reviews / "train" / "neg" / "12_1.html").write_text("<p>")
    assert "html" in load_imdb(reviews).info[0].value


def test_examples_have_pages_a_search_and_a_class(reviews):
    app = load_imdb(reviews)
    assert "22 of 22 texts" in text(app)
    examples = html(app)
    for number in (2, 3):
        app.get("pagination")[0].set_value(number).run()
        examples += html(app)
    app.get("button_group")[0].set_value("Validation").run()
    assert "2 of 2 texts" in text(app)
    examples += html(app)
    app.get("button_group")[0].set_value("Training").run()
    assert len(examples) == len(set(examples)) == 24
    app.text_input(key="data_query").set_value("NUMBER 7.").run()
    assert "2 of 22 texts" in text(app)
    assert all("<mark" in example for example in html(app))
    app.get("button_group")[1].set_value("positive").run()
    assert len(html(app)) == 1 and "train/pos" in html(app)[0]
    app.text_input(key="data_query").set_value("<mark").run()
    assert "No text has that" in app.info[0].value and not html(app)
