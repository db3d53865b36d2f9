"""Data: the figures of a dataset, where it is read from, and its texts."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers.app_pages import html, open_page, press, text

REVIEW = "A <b>bold</b> film number {}. <script>alert(1)</script>"


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve reviews per class and part in IMDB's layout; negative training reviews are long."""
    root = tmp_path_factory.mktemp("reviews") / "aclImdb"
    for folder in ("train/neg", "train/pos", "test/neg", "test/pos"):
        (root / folder).mkdir(parents=True)
        ending = " dull" * 300 if folder == "train/neg" else ""
        for number in range(12):
            review = f"{folder} {REVIEW.format(number)}{ending}"
            (root / folder / f"{number}_5.txt").write_text(review)
    return root


def load_imdb(source: Path) -> AppTest:
    app = open_page("data", dataset="IMDB film reviews")
    app.text_input(key="data_source_imdb").set_value(str(source)).run()
    return press(app, "Load")


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_sample_is_shown_at_once_and_called_synthetic() -> None:
    app = open_page("data")
    assert not app.exception
    assert "Synthetic" in app.info[0].value
    assert metrics(app)["Classes"] == "2" and metrics(app)["Test"] == "1,000"
    assert len(html(app)) == 10 and len(app.get("plotly_chart")) == 2


def test_other_datasets_wait_for_a_click() -> None:
    app = open_page("data", dataset="AG News")
    assert not app.exception and not app.metric
    assert "Load it" in app.info[0].value


def test_a_local_folder_is_read_and_named(reviews: Path) -> None:
    app = load_imdb(reviews)
    assert not app.exception and not app.error and not app.info
    assert metrics(app) == {"Training": "22", "Validation": "2", "Test": "24", "Classes": "2"}
    assert str(reviews) in text(app)


def test_a_changed_folder_is_read_again(reviews: Path, tmp_path: Path) -> None:
    copy = reviews.rename(tmp_path / "copy")
    review = copy / "test" / "neg" / "0_5.txt"
    try:
        assert metrics(load_imdb(copy))["Test"] == "24"
        review.unlink()
        copy.touch()
        assert metrics(load_imdb(copy))["Test"] == "23"
    finally:
        review.write_text("back")
        copy.rename(reviews)


def test_a_wrong_path_is_an_error_message_and_stays_in_its_field() -> None:
    app = load_imdb(Path("/not/there"))
    assert not app.exception and "/not/there" in app.error[0].value
    assert app.text_input(key="data_source_imdb").value == "/not/there"


def test_markup_in_texts_is_escaped(reviews: Path) -> None:
    shown = "".join(html(load_imdb(reviews)))
    assert "<script" not in shown and "&lt;script&gt;" in shown and "<b>" not in shown


def test_search_and_class_filter_the_examples(reviews: Path) -> None:
    app = load_imdb(reviews)
    assert "24 of 24 texts" in text(app)
    app.text_input(key="data_query").set_value("NUMBER 7.").run()
    assert "2 of 24 texts" in text(app)
    assert all("<mark" in example for example in html(app))
    app.get("button_group")[2].set_value("positive").run()
    assert len(html(app)) == 1 and "train/pos" in html(app)[0]
    app.text_input(key="data_query").set_value("<mark").run()
    assert "No text has that" in app.info[0].value and not html(app)


def test_the_pages_of_examples_hold_every_text_once(reviews: Path) -> None:
    app = load_imdb(reviews)
    examples = html(app)
    for number in (2, 3):
        app.get("pagination")[0].set_value(number).run()
        examples += html(app)
    assert len(examples) == len(set(examples)) == 24


def test_the_truncated_share_follows_the_longest_text(reviews: Path) -> None:
    app = load_imdb(reviews)
    assert "**50.0%** of the texts are longer" in text(app)
    app.select_slider(key="data_longest").set_value(384).run()
    assert "**0.0%** of the texts" in text(app)
