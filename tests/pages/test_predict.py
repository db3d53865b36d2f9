"""Predict: each chosen model answers, the text stays text, and odd input gets a calm word."""

import tomllib
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ftcore import paths, tracking
from ftcore.models import checkpoints
from pages.components.charts import palette
from pages.components.predict import explanation
from pages.components.text import escaping, html_fragments
from tests.helpers import small_runs

MAIN = Path(__file__).parents[2] / "pages" / "_main.py"


@pytest.fixture(autouse=True)
def bundled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", home / "bundled")
    small_runs.bundled(home / "bundled")


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
    run_id = small_runs.run(name="Mine", mode="last-layer")
    app = page(model=run_id)
    assert models(app) == [run_id, "starter", "sentiment"]
    assert "**Mine** :yellow-badge[Last layer]" in said(app)
    assert "**Starter** :gray-badge[Pretrained]" in said(app)
    assert app.query_params["models"] == f"{run_id},starter,sentiment"
    assert "model" not in app.query_params


def test_a_link_to_a_run_without_a_snapshot_says_so_and_others_answer() -> None:
    app = page(model=small_runs.run("running", saved=False))
    assert "nothing saved yet" in app.info[0].value and models(app) == ["sentiment"]


def test_the_address_names_the_models_and_passes_over_those_that_are_gone() -> None:
    app = page(models="starter,gone")
    assert models(app) == ["starter"]
    assert app.info[0].value == "1 model of this link is no longer here."
    app.multiselect(key="predict_models").set_value(["sentiment", "starter"]).run()
    assert not app.info
    assert app.query_params["models"] == "sentiment,starter"
    app.switch_page("data.py").run()
    app.switch_page("predict.py").run()
    assert models(app) == ["sentiment", "starter"]


def test_the_menu_brings_the_newest_full_and_last_layer_run_and_their_parent() -> None:
    for mode in ("full", "full", "last-layer", "scratch"):
        newest = small_runs.run(name=mode, mode=mode)
    small_runs.run("stopped", name="cut short", mode="full")
    app = page()
    first, second, *rest = models(app)
    titles = [tracking.run(ref).config.mode for ref in (first, second)]
    assert titles == ["full", "last-layer"] and rest == ["starter"]
    assert newest not in models(app)

    newer = small_runs.run(name="newer", mode="full")
    app.switch_page("data.py").run()
    app.query_params.clear()
    app.switch_page("predict.py").run()
    assert models(app) == [newer, second, "starter"]

    app.multiselect(key="predict_models").set_value(["starter"]).run()
    small_runs.run(name="newest", mode="full")
    app.switch_page("data.py").run()
    app.query_params.clear()
    app.switch_page("predict.py").run()
    assert models(app) == ["starter"], "a choice of one's own stays"


def test_a_run_goes_by_its_present_name() -> None:
    run_id = small_runs.run(name="Before")
    tracking.rename(run_id, "After [now](http://x) <b>")
    shown = said(page(models=run_id))
    assert "After \\[now\\]\\(http\\:" in shown and "Before" not in shown and "<b>" not in shown


def test_a_model_in_training_answers_with_its_best_so_far() -> None:
    run_id = small_runs.run("running", name="Now")
    app = page(models=run_id)
    assert "training now, step 4" in said(app)
    before = html(app)[0]
    checkpoints.run_path(run_id).joinpath("weights.safetensors").unlink()
    small_runs.checkpoint(
        checkpoints.run_path(run_id),
        run_id,
        ("negative", "positive"),
        "sample",
        checkpoints.find("starter"),
        seed=99,
        metrics={"best_step": 8.0},
    )
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
    assert html(app) and "only 16 read" in said(app) and "[…]" in html(app)[-1]


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
    app.button(key="predict_answer").click().run()
    table = app.dataframe[0].value
    assert list(table["text"]) == ["good film", "=1+1", 'bäd, "film"']
    assert set(table["Sentiment"]) <= {"negative", "positive"}
    assert table["Starter, confidence"].between(0.25, 1).all()
    button = app.get("download_button")[0]
    assert button.proto.label == "Download CSV"


def test_no_cell_of_the_csv_is_a_formula() -> None:
    table = pd.DataFrame({"=run": ["=1+1", "+1", "-1", "@a", "plain", "a=b"], "confidence": 0.5})
    safe = escaping.escape_formulas(table)
    assert list(safe["'=run"]) == ["'=1+1", "'+1", "'-1", "'@a", "plain", "a=b"]
    assert safe["confidence"].eq(0.5).all()


def test_answer_asks_for_what_is_missing() -> None:
    app = page()
    app.button(key="predict_answer").click().run()
    assert "Paste some texts" in app.info[0].value and not app.dataframe
    app.text_area(key="predict_many").set_value("good film").run()
    app.multiselect(key="predict_models").set_value([]).run()
    app.button(key="predict_answer").click().run()
    assert "Choose a model first." in [info.value for info in app.info]


def test_too_many_texts_are_cut_with_a_word() -> None:
    app = page()
    app.text_area(key="predict_many").set_value("good\n" * 2_500).run()
    assert "first 2,000 of 2,500" in app.info[-1].value


def test_why_shades_the_words_of_each_model() -> None:
    app = page(models="sentiment,starter")
    app.text_area(key="predict_text").set_value("not good <b>bold</b> zzyzx").run()
    app.toggle(key="predict_why").set_value(True).run()
    assert not app.exception and not app.error
    first, second = html(app)[-2:]
    assert "&lt;b&gt;bold" in first and "<b>" not in first
    assert "for positive" in first and "for negative" in first
    assert "for " in second and "against " in second
    assert 'title="Not in the vocabulary"' in first
    app.toggle(key="predict_why").set_value(False).run()
    assert "As read" in said(app)


def test_a_model_that_is_gone_has_no_reasons_and_the_others_do() -> None:
    app = AppTest.from_function(_why_of_two, default_timeout=60).run()
    assert "no longer exists" in app.error[0].value and len(html(app)) == 1


def _why_of_two() -> None:
    from pages.components.predict.explanation import explanations

    explanations("good film", ["gone", "sentiment"])


def test_the_strongest_word_is_the_most_opaque_and_each_side_has_its_colour() -> None:
    assert explanation.word_colours([2.0, -1.0, 0.0], "#111111", "#222222") == [
        "#11111199",
        "#2222224c",
        "#11111100",
    ]
    assert explanation.word_colours([], "#111111", "#222222") == []
    assert explanation.word_colours([0.0], "#111111", "#222222") == ["#11111100"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stay_readable_on_every_shade(theme: str) -> None:
    config = tomllib.loads((paths.ROOT / ".streamlit" / "config.toml").read_text())
    paper, ink = (config["theme"][theme][name] for name in ("backgroundColor", "textColor"))
    colours = {*palette.CLASSES.values(), *palette.OTHER_CLASSES, explanation.AGAINST_COLOUR}
    for colour in colours:
        assert _contrast(ink, _blend(colour, paper, explanation.MAX_OPACITY)) >= 4.5, colour


def _rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def _blend(colour: str, below: str, opacity: float) -> str:
    mixed = (
        round(opacity * a + (1 - opacity) * b)
        for a, b in zip(_rgb(colour), _rgb(below), strict=True)
    )
    return "#" + "".join(f"{value:02x}" for value in mixed)


def _contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG counts it."""

    def luminance(colour: str) -> float:
        linear = [
            value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4
            for value in (part / 255 for part in _rgb(colour))
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_markdown_of_others_stays_text() -> None:
    assert escaping.escape_markdown("**a** [b](c) <d> $e$ :red[f]") == (
        r"\*\*a\*\* \[b\]\(c\) \<d\> \$e\$ \:red\[f\]"
    )
    assert "\n" not in escaping.escape_markdown("# a\n- b")


def test_found_words_are_marked_whatever_their_case_and_nothing_gets_through() -> None:
    assert html_fragments.mark_matches("A <b> Film", "film").endswith("Film</mark>")
    assert html_fragments.mark_matches("A <b> a", "<B>").count("&lt;b&gt;</mark>") == 1
    assert html_fragments.mark_matches("a.c abc", "a.c").count("<mark") == 1
    assert html_fragments.mark_matches("<i>", "") == "&lt;i&gt;"
