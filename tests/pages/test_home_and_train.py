"""Home and Train through AppTest: what stands on the page, and what a click does."""

import json
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ftcore import config, paths, tracking
from ftcore.config import SETTINGS, FineTuneConfig
from ftcore.runs.scheduler import scheduler
from pages.components.shell import warm_imports
from tests.helpers import small_runs

MAIN = Path(__file__).parents[2] / "pages" / "_main.py"


@pytest.fixture(autouse=True)
def bundled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small checkpoints, and the slow imports done."""
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", home / "bundled")
    small_runs.bundled(home / "bundled")
    warm_imports.preload().result()


def page(name: str = "", **query: str) -> AppTest:
    """A page, run once."""
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page(f"{name}.py").run() if name else app.run()


def said(app: AppTest) -> str:
    """All words of a page, as they are read."""
    elements = [*app.title, *app.markdown, *app.caption, *app.error, *app.info, *app.success]
    return re.sub(r"\\(\W)", r"\1", "\n".join(element.value for element in elements))


def press(app: AppTest, label: str) -> AppTest:
    """Click the button of a label."""
    return next(button for button in app.button if button.label == label).click().run()


def test_home_says_what_there_is_and_leads_to_training() -> None:
    app = page()
    assert not app.exception and "Fine-tune" in app.title[0].value
    assert "None yet" in said(app) and "**2**, 0 of them" in said(app)
    app = press(app, "Start a first run")
    assert app.title[0].value == "Train"


def test_home_leads_to_the_run_that_trains() -> None:
    small_runs.run("running", name="mine")
    app = page()
    links = [element.proto.label for element in app.get("page_link")]
    assert any("now training: mine" in label for label in links)


def test_so_does_the_form_of_the_next_run() -> None:
    app = page("train")
    assert "watch" not in [button.key for button in app.button]
    small_runs.run("running", name="mine")
    app.run()
    app.button(key="watch").click().run()
    assert not app.exception and "mine" in app.title[0].value


def test_form_says_what_trains_and_that_the_head_is_new() -> None:
    app = page("train")
    assert not app.exception
    assert "word vectors" in said(app) and "4 classes before, 2 now" in said(app)
    assert re.search(r"About \d+ (s|min) on this machine", said(app))
    app.segmented_control(key="setting_mode").set_value("last-layer").run()
    assert "Trains 18 of" in said(app)
    app.segmented_control(key="setting_mode").set_value("scratch").run()
    assert "Everything but the word vectors starts random" in said(app)
    app.selectbox(key="setting_dataset").set_value("ag_news").run()
    assert "classes before" not in said(app)


def test_presets_and_modes_fill_the_form() -> None:
    app = page("train")
    assert app.segmented_control(key="preset").value == "Quick"
    app.segmented_control(key="setting_mode").set_value("last-layer").run()
    epochs = config.MODE_DEFAULTS["last-layer"].epochs
    assert app.number_input(key="setting_epochs").value == epochs
    app.segmented_control(key="preset").set_value("Lesson").run()
    assert app.number_input(key="setting_learning_rate").value == 1.0
    assert app.segmented_control(key="setting_optimizer").value == "sgd"
    app.number_input(key="setting_clip").set_value(0.5).run()
    assert app.segmented_control(key="preset").value is None
    app.segmented_control(key="preset").set_value("Quick").run()
    assert app.number_input(key="setting_epochs").value == epochs
    assert app.segmented_control(key="setting_optimizer").value == "adamw"


def test_every_setting_of_a_fine_tuning_has_an_input() -> None:
    app = page("train")
    app.selectbox(key="setting_dataset").set_value("imdb").run()
    keys = {
        widget.key
        for kind in (
            "selectbox",
            "number_input",
            "text_input",
            "text_area",
            "toggle",
            "segmented_control",
        )
        for widget in app.get(kind)
    }
    wanted = {f"setting_{name}" for name, one in SETTINGS.items() if not one.metadata["new_model"]}
    assert wanted <= keys


def test_form_keeps_its_values_while_another_page_is_shown() -> None:
    app = page("train")
    app.number_input(key="setting_epochs").set_value(7).run()
    app.switch_page("data.py").run()
    app.switch_page("train.py").run()
    assert app.number_input(key="setting_epochs").value == 7


def test_source_goes_with_its_data() -> None:
    app = page("train")
    app.selectbox(key="setting_dataset").set_value("imdb").run()
    app.text_input(key="setting_source").set_value("/somewhere").run()
    app.selectbox(key="setting_dataset").set_value("ag_news").run()
    assert app.text_input(key="setting_source").value == ""


def test_invalid_setting_is_named_and_nothing_starts() -> None:
    app = page("train")
    app.number_input(key="setting_epochs").set_value(-3).run()
    assert "Epochs is -3" in said(app)
    start = next(button for button in app.button if button.label == "Start")
    assert start.disabled
    assert tracking.runs().empty


def test_a_path_that_is_not_there_is_said_before_anything_starts() -> None:
    app = page("train")
    app.selectbox(key="setting_dataset").set_value("imdb").run()
    app.text_input(key="setting_source").set_value("/nowhere/aclImdb").run()
    app = press(app, "Start")
    assert "/nowhere/aclImdb is not there" in said(app)
    assert app.text_input(key="setting_source").value == "/nowhere/aclImdb"
    assert tracking.runs().empty


def test_start_queues_a_run_with_the_values_of_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[FineTuneConfig] = []

    def submit(one: FineTuneConfig) -> str:
        taken.append(one)
        return tracking.create_run(one)

    monkeypatch.setattr(scheduler, "submit", submit)
    app = page("train")
    app.number_input(key="setting_seed").set_value(5).run()
    app = press(app, "Start")
    assert not app.exception and taken[0].seed == 5 and taken[0].checkpoint == "starter"
    run_id = tracking.runs()["run_id"][0]
    assert app.query_params["run"] == run_id
    assert tracking.run(run_id).name in said(app)


def test_without_a_checkpoint_the_page_says_so_and_forgets_nothing(home: Path) -> None:
    app = page("train")
    app.number_input(key="setting_epochs").set_value(9).run()
    (home / "bundled").rename(home / "gone")
    app.run()
    assert not app.exception and "no checkpoint" in said(app)
    (home / "gone").rename(home / "bundled")
    app.run()
    assert app.number_input(key="setting_epochs").value == 9


def test_live_run_shows_its_phase_its_figures_and_its_own_settings() -> None:
    run_id = small_runs.run("running", name="mine", epochs=3)
    app = page("train", run=run_id)
    assert not app.exception and app.title[0].value == "mine"
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Best validation"] == "75.0%" and figures["Speed"] == "64 texts/s"
    assert any(button.label == "Stop and keep" for button in app.button)
    progress = app.get("progress")[0].proto
    assert progress.value == 50 and "4 of 8 steps" in progress.text
    assert {"Epochs": "3", "Name": "mine"}.items() <= dict(app.table[0].value.iloc[:, 0]).items()


def test_a_gradual_run_shows_what_trains_at_this_moment() -> None:
    run_id = small_runs.run("running", mode="gradual", saved=False)  # in its first epoch
    app = page("train", run=run_id)
    drawn = json.loads(app.get("bidi_component")[0].proto.json)["blocks"]
    assert [one["state"] for one in drawn] == ["trains", "later", "later", "later"]
    assert not app.exception


def test_modes_are_those_of_the_checkpoint_and_blocks_tell_what_trains() -> None:
    app = page("train")
    mode = app.segmented_control(key="setting_mode")
    titles = ["Full", "Last layer", "Last 2 groups", "Gradual", "From scratch", "Custom"]
    assert mode.options == titles
    app = mode.set_value("custom").run()
    assert not app.exception and app.text_input(key="setting_groups").value == "head"
    drawn = json.loads(app.get("bidi_component")[0].proto.json)
    assert drawn["clicks"] and [one["state"] for one in drawn["blocks"]][:2] == ["trains", "frozen"]
    assert app.segmented_control(key="preset").value == "Quick"
    app.text_input(key="setting_groups").set_value("layer 7").run()
    assert "no group 'layer 7'" in said(app)
    assert next(button for button in app.button if button.label == "Start").disabled


@pytest.mark.parametrize(
    ("status", "kind"), [("finished", "success"), ("stopped", "info"), ("failed", "error")]
)
def test_ended_run_says_how_it_ended(status: str, kind: str) -> None:
    app = page("train", run=small_runs.run(status, saved=False))
    assert "That was it" in app.get(kind)[0].value
    assert not any(button.label in ("Stop and keep", "Try it") for button in app.button)


def test_finished_run_can_be_tried() -> None:
    run_id = small_runs.run()
    app = press(page("train", run=run_id), "Try it")
    assert app.title[0].value == "Predict" and run_id in app.query_params["models"]


def test_run_again_fills_the_form_with_its_settings() -> None:
    run_id = small_runs.run(name="mine", mode="last-layer", epochs=3, seed=11, dropout=0.3)
    app = press(page("train", run=run_id), "Run again with these settings")
    assert app.title[0].value == "Train" and "run" not in app.query_params
    assert app.segmented_control(key="setting_mode").value == "last-layer"
    assert app.number_input(key="setting_seed").value == 11
    assert app.number_input(key="setting_dropout").value == 0.3
    assert app.text_input(key="setting_name").value == ""


def test_unknown_run_is_one_sentence() -> None:
    app = page("train", run="nothing")
    assert not app.exception and "There is no run" in app.error[0].value


@pytest.mark.parametrize("status", ["running", "finished"])
def test_a_reference_line_shows_its_figures_and_offers_no_model(status: str) -> None:
    run_id = tracking.create_run(FineTuneConfig(mode="tfidf"))
    with tracking.Recorder(run_id) as recorder:
        recorder.write(small_runs.Started({"steps": 1, "trains": "Logistic regression."}))
        recorder.write(small_runs.Progress("training", 0, None))
        if status == "finished":
            recorder.write(small_runs.Evaluation("val", 0, 0.0, 1.0, 90, 0.3, 0.9))
            recorder.write(small_runs.Finished("finished", "Done.", {"test_accuracy": 0.8}))
    app = page("train", run=run_id)
    assert not app.exception and not app.error
    assert ":gray-badge[TF-IDF]" in said(app)
    assert not {"Try it", "Run again with these settings"} & {one.label for one in app.button}
