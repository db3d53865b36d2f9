"""Data: what a dataset holds, from where, and its texts as they are."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.components.text import escaping, html_fragments

MAIN = Path(__file__).parents[2] / "pages" / "_main.py"
REVIEW = "A <b>bold</b> film number {}. <script>alert(1)</script>"


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve reviews a class and part, in IMDB's layout; the negative ones of training are long."""
    root = tmp_path_factory.mktemp("reviews") / "aclImdb"
    for folder in ("train/neg", "train/pos", "test/neg", "test/pos"):
        (root / folder).mkdir(parents=True)
        for number in range(12):
            text = f"{folder} " + REVIEW.format(number) + " dull" * (300 * (folder == "train/neg"))
            (root / folder / f"{number}_5.txt").write_text(text)
    return root


def page(dataset: str = "") -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    if dataset:
        app.query_params["dataset"] = dataset
    return app.switch_page("data.py").run()


def imdb(source: Path) -> AppTest:
    app = page("IMDB film reviews")
    app.text_input(key="data_source_imdb").set_value(str(source)).run()
    return next(one for one in app.button if one.label == "Load").click().run()


def sizes(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def examples(app: AppTest) -> list[str]:
    return [element.proto.body for element in app.get("html")]


def said(app: AppTest) -> str:
    return "\n".join(one.value for one in [*app.markdown, *app.caption])


def test_the_sample_is_there_at_once_and_says_that_it_is_synthetic() -> None:
    app = page()
    assert not app.exception
    assert "Synthetic" in app.info[0].value
    assert sizes(app)["Classes"] == "2" and sizes(app)["Test"] == "1,000"
    assert len(examples(app)) == 10 and len(app.get("plotly_chart")) == 2


def test_others_wait_for_a_click() -> None:
    app = page("AG News")
    assert not app.exception and not app.metric
    assert "Load it" in app.info[0].value


def test_a_folder_of_ones_own_is_read_and_named(reviews: Path) -> None:
    app = imdb(reviews)
    assert not app.exception and not app.error
    assert sizes(app) == {"Training": "22", "Validation": "2", "Test": "24", "Classes": "2"}
    assert escaping.escape_markdown(str(reviews)) in said(app)
    assert not any("Synthetic" in one.value for one in app.info)


def test_a_changed_folder_is_read_anew(reviews: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    reviews.rename(copy)
    try:
        assert sizes(imdb(copy))["Test"] == "24"
        (copy / "test" / "neg" / "0_5.txt").unlink()
        copy.touch()
        app = imdb(copy)
        assert sizes(app)["Test"] == "23"
    finally:
        (copy / "test" / "neg" / "0_5.txt").write_text("back")
        copy.rename(reviews)


def test_a_wrong_path_is_one_sentence_and_stays_in_its_field() -> None:
    app = imdb(Path("/not/there"))
    assert not app.exception and "/not/there" in app.error[0].value
    assert app.text_input(key="data_source_imdb").value == "/not/there"


def test_texts_are_shown_as_they_are(reviews: Path) -> None:
    shown = "".join(examples(imdb(reviews)))
    assert "<script" not in shown and "&lt;script&gt;" in shown and "<b>" not in shown


def test_search_and_class_narrow_the_examples(reviews: Path) -> None:
    app = imdb(reviews)
    assert "24 of 24 texts" in said(app)
    app.text_input(key="data_query").set_value("NUMBER 7.").run()
    assert "2 of 24 texts" in said(app)
    assert all("<mark" in one for one in examples(app))
    app.get("button_group")[2].set_value("positive").run()
    assert len(examples(app)) == 1 and "train/pos" in examples(app)[0]
    app.text_input(key="data_query").set_value("<mark").run()
    assert "No text has that" in app.info[0].value and not examples(app)


def test_examples_have_pages_that_together_hold_every_text(reviews: Path) -> None:
    app = imdb(reviews)
    seen = list(examples(app))
    for number in (2, 3):
        app.get("pagination")[0].set_value(number).run()
        seen += examples(app)
    assert len(seen) == len(set(seen)) == 24


def test_the_share_that_is_cut_off_follows_the_longest_text(reviews: Path) -> None:
    app = imdb(reviews)
    assert "**50.0%** of the texts are longer" in said(app)
    app.select_slider(key="data_longest").set_value(384).run()
    assert "**0.0%** of the texts" in said(app)


def test_an_excerpt_shows_what_was_searched_and_folds_the_rest() -> None:
    text = "a" * 900 + " needle " + "b" * 900
    shown = html_fragments.example_text(text, "x", "#000000", "needle", 400)
    head = shown[: shown.index("</summary>")]
    assert ">needle</mark>" in head and len(head) < 800
    assert "b" * 900 in shown
    assert "<details>" not in html_fragments.example_text("short", "x", "#000000", "", 400)
