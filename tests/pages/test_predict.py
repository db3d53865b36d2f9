"""Predict: the answer of each chosen model, how the text was read, and tables of answers."""

import shutil
import tomllib

import pytest
from streamlit.testing.v1 import AppTest

from ftcore import colours, paths, tracking
from ftcore.inference import answered_files, answering, prediction
from ftcore.models import calibration, checkpoints
from ftcore.models.calibration import Calibration
from pages.components.charts import palette
from pages.components.predict import explanation
from tests.helpers import small_runs
from tests.helpers.app_pages import html, open_page, press, text
from tests.helpers.colours import contrast
from tests.helpers.waiting import PATIENCE

pytestmark = pytest.mark.usefixtures("small_checkpoints")


def models(app: AppTest) -> list[str]:
    return list(app.multiselect(key="predict_models").value)


def choose(app: AppTest, *refs: str) -> AppTest:
    return app.multiselect(key="predict_models").set_value(list(refs)).run()


def ask(app: AppTest, question: str) -> AppTest:
    return app.text_area(key="predict_text").set_value(question).run()


def leave_and_return(app: AppTest) -> AppTest:
    """Open another page and Predict again, from the menu."""
    app.switch_page("data.py").run()
    app.query_params.clear()
    return app.switch_page("predict.py").run()


def test_a_bundled_model_answers_before_anything_was_trained():
    app = open_page("predict")
    assert not app.exception and not app.error and models(app) == ["sentiment"]
    assert "negative" in html(app)[0] and "positive" in html(app)[0] and " ms" in text(app)
    for _ in range(2):  # an example can be clicked again
        app.get("button_group")[0].set_value("News").run()
        assert "airline" in app.text_area(key="predict_text").value
        assert "airline" in html(app)[-1] and app.session_state["predict_example"] is None


def test_a_link_to_a_run_adds_its_parent_and_the_default_model():
    run_id = small_runs.run(mode="last-layer")
    tracking.rename(run_id, "Mine [now](http://x) <b>")
    app = open_page("predict", model=run_id)
    assert models(app) == [run_id, "starter", "sentiment"]
    [title, *_] = [element.value for element in app.markdown if "background" in element.value]
    assert "Mine \\[now\\]\\(http\\:" in title and "<b>" not in title
    assert palette.mode_badge("last-layer", "Last layer") in title
    assert f"**Starter** {palette.mode_badge('untouched', 'Pretrained')}" in text(app)
    assert app.query_params["models"] == f"{run_id},starter,sentiment"
    assert "model" not in app.query_params


def test_the_address_names_the_models_and_missing_ones_are_counted():
    app = open_page("predict", model=small_runs.run("running", saved=False))
    assert "nothing saved yet" in app.info[0].value and models(app) == ["sentiment"]
    app = open_page("predict", model=small_runs.run("running"))
    assert "training now, step 4" in text(app)
    app = open_page("predict", models="starter,gone")
    assert models(app) == ["starter"]
    assert app.info[0].value == "1 model of this link is no longer here."
    choose(app, "sentiment", "starter")
    assert not app.info
    assert app.query_params["models"] == "sentiment,starter"
    app.switch_page("data.py").run()
    app.switch_page("predict.py").run()
    assert models(app) == ["sentiment", "starter"]


def test_the_newest_full_and_last_layer_runs_are_suggested_until_the_user_chooses():
    for mode in ("full", "full", "last-layer", "scratch"):
        small_runs.run(name=mode, mode=mode)
    small_runs.run("stopped", name="cut short", mode="full")
    app = open_page("predict")
    full, last_layer, *rest = models(app)
    modes = [tracking.run(ref).config.mode for ref in (full, last_layer)]
    assert modes == ["full", "last-layer"] and rest == ["starter"]

    newer = small_runs.run(name="newer", mode="full")
    assert models(leave_and_return(app)) == [newer, last_layer, "starter"]

    choose(app, "starter")
    small_runs.run(name="newest", mode="full")
    assert models(leave_and_return(app)) == ["starter"]


def test_words_are_marked_shaded_and_escaped():
    app = ask(open_page("predict", models="sentiment,starter"), "film <img src=x onerror=alert(1)>")
    assert "<img" not in html(app)[-1] and ">&lt;</span>" in html(app)[-1]
    assert ">film</span>" in html(app)[-1] and 'title="Not in the vocabulary"' in html(app)[-1]
    assert "words unknown" in text(app)
    app.toggle(key="predict_why").set_value(True).run()
    assert not app.exception and not app.error
    first, second = html(app)[-2:]
    assert (
        ">&lt;</span>" in first and "<img" not in first and 'title="Not in the vocabulary"' in first
    )
    assert "for positive" in first and "for negative" in first
    assert "for " in second and "against " in second
    app.toggle(key="predict_why").set_value(False).run()
    ask(app, "The film is good.")
    assert "As read" in text(app) and "every word known" in text(app)


def test_of_a_million_characters_the_first_ones_are_read_and_an_empty_text_is_asked_for():
    app = ask(open_page("predict"), "good film " * 100_000)
    assert "first 100,000 of 1,000,000 characters" in app.info[0].value
    assert html(app) and "only 16 read" in text(app) and "[…]" in html(app)[-1]
    ask(app, "  \n\t ")
    assert "Type a text" in app.info[0].value and not html(app) and not app.error


def test_broken_and_missing_checkpoints_are_messages(small_checkpoints):
    (small_checkpoints / "sentiment" / "weights.safetensors").write_bytes(b"cut short")
    app = open_page("predict", models="sentiment,starter")
    assert "sentiment cannot be used" in app.error[0].value
    assert "Sports" in html(app)[0]  # the other one answers
    shutil.rmtree(small_checkpoints)
    app = open_page("predict")
    assert not app.exception and "Train one" in app.info[0].value


def test_a_calibrated_model_names_the_labels_that_hold_the_true_one_unless_raw_ones_are_asked_for():
    sentiment = checkpoints.find("sentiment")
    [raw] = prediction.predict("sentiment", ["good film"])
    thresholds = dict.fromkeys(sentiment.labels, 0.0)
    calibration.write(sentiment, Calibration(100.0, 0.95, thresholds, 40))
    app = ask(open_page("predict", models="sentiment,starter"), "good film")
    promise = "negative or positive, at 95% :orange-badge[not sure]"
    assert text(app).count(promise) == 1 and text(app).count("· calibrated") == 1
    assert "for 95% of the texts of each class" in text(app)
    [calibrated] = prediction.predict("sentiment", ["good film"])
    assert f"{calibrated.probabilities['positive']:.1%}" in html(app)[0]

    app.text_area(key="predict_many").set_value("good film\nqwertyuiop").run()
    app = press(app, "Answer")
    sets = app.dataframe[0].value["Sentiment, set"]
    assert sets[0] == "negative or positive, at 95%" and sets.isna()[1]
    assert "Starter, set" not in app.dataframe[0].value

    app.toggle(key="predict_raw").set_value(True).run()
    assert not app.exception and "at 95%" not in text(app) and "calibrated" not in text(app)
    assert f"{raw.probabilities['positive']:.1%}" in html(app)[0]
    app.toggle(key="predict_why").set_value(True).run()
    assert f"{raw.probabilities[raw.label]:.0%}" in text(app)
    assert "Sentiment, set" not in press(app, "Answer").dataframe[0].value


def test_one_label_is_named_without_a_doubt():
    thresholds = {"negative": 0.0, "positive": 1.0}
    calibration.write(checkpoints.find("sentiment"), Calibration(1.0, 0.9, thresholds, 40))
    app = ask(open_page("predict", models="sentiment"), "good film")
    assert "negative, at 90%" in text(app) and "badge[not sure]" not in text(app)


def test_many_texts_become_a_table_and_a_missing_text_or_model_is_asked_for():
    app = open_page("predict", models="sentiment,starter")
    app = press(app, "Answer")
    assert "Paste some texts" in app.info[0].value and not app.dataframe
    app.text_area(key="predict_many").set_value('good film\n\n  \n=1+1\nbäd, "film"').run()
    app = press(app, "Answer")
    table = app.dataframe[0].value
    assert list(table["text"]) == ["good film", "=1+1", 'bäd, "film"']
    assert {table["Sentiment"][0], table["Sentiment"][2]} <= {"negative", "positive"}
    assert table["Sentiment"][1] == "no word known"
    assert table["Starter, confidence"].dropna().between(0.25, 1).all()
    assert list(table["Starter, confidence"].isna()) == [False, True, False]
    assert app.get("download_button")[0].proto.label == "Download CSV"
    choose(app)
    assert not app.exception and "Choose a model, and it answers here" in app.info[0].value
    assert "Choose a model first." in [info.value for info in press(app, "Answer").info]
    app.text_area(key="predict_many").set_value("good\n" * 2_500).run()
    assert "first 2,000 of 2,500" in app.info[-1].value


def test_words_are_coloured_by_sign_and_more_opaque_the_more_they_contribute():
    colours = explanation.word_colours([2.0, -1.0, 0.0], "#111111", "#222222")
    assert colours == ["#11111199", "#2222224c", "#11111100"]
    assert explanation.word_colours([0.0], "#111111", "#222222") == ["#11111100"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_legible_on_the_strongest_shade(theme):
    config = tomllib.loads((paths.ROOT / ".streamlit" / "config.toml").read_text())["theme"][theme]
    for colour in (*colours.CLASSES.values(), *colours.OTHER_CLASSES, explanation.AGAINST_COLOUR):
        background = blend(colour, config["backgroundColor"], explanation.MAX_OPACITY)
        assert contrast(config["textColor"], background) >= 4.5, colour


def blend(colour: str, below: str, opacity: float) -> str:
    """A transparent colour over another."""
    mixed = (
        round(opacity * int(colour[i : i + 2], 16) + (1 - opacity) * int(below[i : i + 2], 16))
        for i in (1, 3, 5)
    )
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def test_an_answer_to_a_text_of_which_no_word_is_known_says_so():
    app = ask(open_page("predict", models="sentiment"), "qwertyuiop asdfghjkl!")
    assert [w.value[:29] for w in app.warning] == ["No word of this text is known"]
    assert not ask(app, "A fine film").warning
    app.text_area(key="predict_many").set_value("good film\nqwertyuiop").run()
    table = press(app, "Answer").dataframe[0].value
    answers = list(table["Sentiment"])
    assert answers[0] in ("negative", "positive") and answers[1] == "no word known"
    assert list(table["Sentiment, confidence"].isna()) == [False, True]


def answered(app: AppTest) -> AppTest:
    """Wait for the threads that answer files, and draw the page again."""
    for file in answered_files.listed():
        answering.find(file)._thread.join(PATIENCE)
    return app.run()


def test_a_file_is_answered_in_the_background_and_summed_up(tmp_path):
    app = open_page("predict")
    lines = ["id;review", *(f"{row};the film is good, {row}" for row in range(30)), "30;"]
    upload = ("My films.csv", "\n".join(lines).encode(), "")
    app.file_uploader[0].set_value(upload).run()
    [column] = [box for box in app.selectbox if box.label == "Column of the texts"]
    assert column.value == "review" and "is read as CSV" in text(app)
    answered(press(app, "Answer all rows"))
    assert not app.error and not app.exception
    shown = text(app)
    assert "My films.csv** · Sentiment · column review" in shown
    assert "30 of 31 rows have an answer. 1 has none" in shown
    [file] = answered_files.listed()
    assert [each.label.split(",")[0] for each in app.get("download_button")] == ["Parquet", "CSV"]
    counts = next(each.value for each in app.dataframe if "Share" in each.value)
    assert counts["Rows"].sum() == 30
    # Another visitor finds it, and anybody may delete it.
    other = press(open_page("predict"), "Delete")
    assert not answered_files.listed() and "My films" not in text(other)
    assert not file.folder.exists()


def test_an_interrupted_file_goes_on_and_its_fault_is_one_sentence(tmp_path):
    file = tmp_path / "films.csv"
    file.write_text("text,other\ngood film,a\nbad film,b\n")
    sentiment = checkpoints.find("sentiment")
    asked = answered_files.create(file, "films.csv", sentiment, "Sentiment", "text", {}, False)
    app = open_page("predict")
    assert "Not complete" in text(app)
    file.write_text("words\nfilm\n")
    answered(press(app, "Go on"))
    assert ["has no column 'text'" in each.value for each in app.error] == [True]
    file.write_text("text,other\ngood film,a\nbad film,b\n")
    answered(press(app, "Go on"))
    assert not app.error and asked.finished and "2 of 2 rows have an answer." in text(app)
