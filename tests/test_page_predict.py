"""Predict: each chosen model answers, the text stays text, and odd input gets a calm word."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ftcore import checkpoints, settings, tracking
from pages.components import marks
from tests import tiny

MAIN = Path(__file__).parent.parent / "pages" / "_main.py"


@pytest.fixture(autouse=True)
def bundled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "BUNDLED_CHECKPOINTS", home / "bundled")
    tiny.bundled(home / "bundled")


def page(**query: str) -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page("predict.py").run()


def html(app: AppTest) -> list[str]:
    return [element.proto.body for element in app.get("html")]


def said(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


def models(app: AppTest) -> list[str]:
    return list(app.multiselect(key="predict_models").value)


def test_a_film_review_is_answered_before_anything_was_trained() -> None:
    app = page()
    assert not app.exception and not app.error
    assert models(app) == ["sentiment"]
    assert "negative" in html(app)[0] and "positive" in html(app)[0]
    assert " ms" in said(app)


def test_an_example_is_typed_and_answered_and_can_be_clicked_again() -> None:
    app = page()
    for _ in range(2):
        app.get("button_group")[0].set_value("News").run()
        assert "airline" in app.text_area(key="predict_text").value
        assert "airline" in html(app)[-1]
        assert app.session_state["predict_example"] is None


def test_a_link_to_a_run_brings_its_parent_to_compare() -> None:
    run_id = tiny.run(name="Mine", mode="last-layer")
    app = page(model=run_id)
    assert models(app) == [run_id, "starter", "sentiment"]
    assert "**Mine** :yellow-badge[Last layer]" in said(app)
    assert "**Starter** :gray-badge[Pretrained]" in said(app)
    assert app.query_params["models"] == f"{run_id},starter,sentiment"
    assert "model" not in app.query_params


def test_a_link_to_a_run_without_a_snapshot_says_so_and_others_answer() -> None:
    app = page(model=tiny.run("running", saved=False))
    assert "nothing saved yet" in app.info[0].value and models(app) == ["sentiment"]


def test_the_address_names_the_models_and_passes_over_those_that_are_gone() -> None:
    app = page(models="starter,gone")
    assert models(app) == ["starter"]
    app.multiselect(key="predict_models").set_value(["sentiment", "starter"]).run()
    assert app.query_params["models"] == "sentiment,starter"
    app.switch_page("data.py").run()
    app.switch_page("predict.py").run()
    assert models(app) == ["sentiment", "starter"]


def test_a_run_goes_by_its_present_name() -> None:
    run_id = tiny.run(name="Before")
    tracking.rename(run_id, "After [now](http://x) <b>")
    shown = said(page(models=run_id))
    assert "After \\[now\\]\\(http\\:" in shown and "Before" not in shown and "<b>" not in shown


def test_a_model_in_training_answers_with_its_best_so_far() -> None:
    run_id = tiny.run("running", name="Now")
    app = page(models=run_id)
    assert "training now, step 4" in said(app)
    before = html(app)[0]
    checkpoints.run_path(run_id).joinpath("weights.safetensors").unlink()
    tiny.checkpoint(
        checkpoints.run_path(run_id), run_id, ("negative", "positive"), "sample",
        checkpoints.find("starter"), seed=99, metrics={"best_step": 8.0},
    )  # fmt: skip
    app.run()
    assert "training now, step 8" in said(app) and html(app)[0] != before


def test_unknown_words_are_marked_and_markup_stays_text() -> None:
    app = page()
    app.text_area(key="predict_text").set_value("The film is <img src=x onerror=alert(1)>").run()
    read = html(app)[-1]
    assert "<img" not in read and "&lt;img" in read
    assert ">film</span>" in read and 'title="Not in the vocabulary"' in read
    assert "words unknown" in said(app)
    app.text_area(key="predict_text").set_value("The film is good.").run()
    assert "every word known" in said(app) and "Not in the vocabulary" not in html(app)[-1]


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_an_empty_text_is_asked_for(text: str) -> None:
    app = page()
    app.text_area(key="predict_text").set_value(text).run()
    assert "Type a text" in app.info[0].value and not html(app) and not app.error


def test_a_million_characters_are_answered_by_their_beginning() -> None:
    app = page()
    app.text_area(key="predict_text").set_value("good film " * 100_000).run()
    assert "first 100,000 of 1,000,000 characters" in app.info[0].value
    assert html(app) and "cut after 16" in said(app)


@pytest.mark.parametrize("text", ["\x00\x01\x02", "é́ 映画 🎬", "؟؟؟", "…"])
def test_odd_characters_are_a_text_like_any_other(text: str) -> None:
    app = page()
    app.text_area(key="predict_text").set_value(text).run()
    assert not app.exception and not app.error


def test_a_broken_checkpoint_says_so_and_the_others_answer(home: Path) -> None:
    (home / "bundled" / "sentiment" / "weights.safetensors").write_bytes(b"cut short")
    app = page(models="sentiment,starter")
    assert "sentiment cannot be used" in app.error[0].value
    assert "Sports" in html(app)[0]


def test_without_a_model_the_next_step_is_named(home: Path) -> None:
    (home / "bundled").rename(home / "away")
    app = page()
    assert not app.exception and "Train one" in app.info[0].value


def test_no_model_chosen() -> None:
    app = page()
    app.multiselect(key="predict_models").set_value([]).run()
    assert not app.exception and "Choose a model" in app.info[0].value


def test_many_texts_become_a_table_and_a_csv() -> None:
    app = page(models="sentiment,starter")
    app.text_area(key="predict_many").set_value('good film\n\n  \n=1+1\nbäd, "film"').run()
    next(button for button in app.button if button.label == "Answer 3 texts").click().run()
    table = app.dataframe[0].value
    assert list(table["text"]) == ["good film", "=1+1", 'bäd, "film"']
    assert set(table["Sentiment"]) <= {"negative", "positive"}
    assert table["Starter, confidence"].between(0.25, 1).all()
    button = app.get("download_button")[0]
    assert button.proto.label == "Download CSV"


def test_too_many_texts_are_cut_with_a_word() -> None:
    app = page()
    app.text_area(key="predict_many").set_value("good\n" * 2_500).run()
    assert "first 2,000 of 2,500" in app.info[-1].value


def test_markdown_of_others_stays_text() -> None:
    assert marks.plain("**a** [b](c) <d> $e$ :red[f]") == (
        r"\*\*a\*\* \[b\]\(c\) \<d\> \$e\$ \:red\[f\]"
    )
    assert "\n" not in marks.plain("# a\n- b")


def test_found_words_are_marked_whatever_their_case_and_nothing_gets_through() -> None:
    assert marks.found("A <b> Film", "film").endswith("Film</mark>")
    assert marks.found("A <b> a", "<B>").count("&lt;b&gt;</mark>") == 1
    assert marks.found("a.c abc", "a.c").count("<mark") == 1
    assert marks.found("<i>", "") == "&lt;i&gt;"
