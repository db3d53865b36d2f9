"""Train: the form and what it starts, and the view of one run in each status."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ftcore import config, tracking
from ftcore.config import SETTINGS, FineTuneConfig
from ftcore.runs.scheduler import scheduler
from tests.helpers import small_runs
from tests.helpers.app_pages import button, open_page, press, text

pytestmark = pytest.mark.usefixtures("small_checkpoints")


def layer_picture(app: AppTest) -> dict[str, Any]:
    """The data that the picture of the layers received."""
    data: dict[str, Any] = json.loads(app.get("bidi_component")[0].proto.json)
    return data


def layer_states(app: AppTest) -> list[str]:
    return [block["state"] for block in layer_picture(app)["blocks"]]


def test_form_describes_what_trains_and_that_the_head_is_replaced() -> None:
    app = open_page("train")
    assert not app.exception
    assert "word vectors" in text(app) and "4 classes before, 2 now" in text(app)
    assert re.search(r"About \d+ (s|min) on this machine", text(app))
    app.segmented_control(key="setting_mode").set_value("last-layer").run()
    assert "Trains 18 of" in text(app)
    app.segmented_control(key="setting_mode").set_value("scratch").run()
    assert "Everything but the word vectors starts random" in text(app)
    app.selectbox(key="setting_dataset").set_value("ag_news").run()
    assert "classes before" not in text(app)


def test_form_offers_to_watch_the_run_in_training() -> None:
    app = open_page("train")
    assert "watch" not in [button.key for button in app.button]
    small_runs.run("running", name="mine")
    app.run()
    app.button(key="watch").click().run()
    assert not app.exception and "mine" in app.title[0].value


def test_presets_and_modes_fill_the_form() -> None:
    app = open_page("train")
    assert app.segmented_control(key="preset").value == "Quick"
    app.segmented_control(key="setting_mode").set_value("last-layer").run()
    epochs = config.MODE_DEFAULTS["last-layer"].epochs
    assert app.number_input(key="setting_epochs").value == epochs
    app.segmented_control(key="preset").set_value("Lesson").run()
    assert app.number_input(key="setting_learning_rate").value == 1.0
    assert app.segmented_control(key="setting_optimizer").value == "sgd"
    app.number_input(key="setting_max_grad_norm").set_value(0.5).run()
    assert app.segmented_control(key="preset").value is None
    app.segmented_control(key="preset").set_value("Quick").run()
    assert app.number_input(key="setting_epochs").value == epochs
    assert app.segmented_control(key="setting_optimizer").value == "adamw"


def test_every_setting_of_a_fine_tuning_has_an_input() -> None:
    app = open_page("train")
    app.selectbox(key="setting_dataset").set_value("imdb").run()
    kinds = "selectbox", "number_input", "text_input", "text_area", "toggle", "segmented_control"
    keys = {widget.key for kind in kinds for widget in app.get(kind)}
    wanted = {
        f"setting_{name}" for name, setting in SETTINGS.items() if not setting.metadata["new_model"]
    }
    assert wanted <= keys


def test_invalid_setting_is_named_and_cannot_be_started() -> None:
    app = open_page("train")
    app.number_input(key="setting_epochs").set_value(-3).run()
    assert "Epochs is -3" in text(app) and button(app, "Start").disabled


def test_a_missing_path_is_an_error_before_a_run_is_recorded_and_stays_with_its_dataset() -> None:
    app = open_page("train")
    app.selectbox(key="setting_dataset").set_value("imdb").run()
    app.text_input(key="setting_source").set_value("/nowhere/aclImdb").run()
    app = press(app, "Start")
    assert "/nowhere/aclImdb is not there" in text(app)
    assert app.text_input(key="setting_source").value == "/nowhere/aclImdb"
    assert tracking.runs().empty
    app.selectbox(key="setting_dataset").set_value("ag_news").run()
    assert app.text_input(key="setting_source").value == ""


def test_start_queues_a_run_with_the_values_of_the_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "submit", tracking.create_run)
    app = open_page("train")
    app.number_input(key="setting_seed").set_value(5).run()
    app = press(app, "Start")
    run = tracking.run(tracking.runs()["run_id"][0])
    assert not app.exception and app.query_params["run"] == run.run_id and run.name in text(app)
    assert (run.config.seed, run.config.checkpoint) == (5, "starter")


def test_form_keeps_its_values_on_other_pages_and_while_there_is_no_checkpoint(
    small_checkpoints: Path,
) -> None:
    app = open_page("train")
    app.number_input(key="setting_epochs").set_value(9).run()
    app.switch_page("data.py").run()
    app.switch_page("train.py").run()
    assert app.number_input(key="setting_epochs").value == 9
    elsewhere = small_checkpoints.rename(small_checkpoints.with_name("elsewhere"))
    app.run()
    assert not app.exception and "no checkpoint" in text(app)
    elsewhere.rename(small_checkpoints)
    app.run()
    assert app.number_input(key="setting_epochs").value == 9


def test_modes_are_those_of_the_checkpoint_and_custom_groups_are_checked() -> None:
    app = open_page("train")
    mode = app.segmented_control(key="setting_mode")
    titles = ["Full", "Last layer", "Last 2 groups", "Gradual", "From scratch", "Custom"]
    assert mode.options == titles
    app = mode.set_value("custom").run()
    assert not app.exception and app.text_input(key="setting_groups").value == "head"
    assert layer_picture(app)["clicks"] and layer_states(app)[:2] == ["trains", "frozen"]
    assert app.segmented_control(key="preset").value == "Quick"
    app.text_input(key="setting_groups").set_value("layer 7").run()
    assert "no group 'layer 7'" in text(app) and button(app, "Start").disabled


def test_live_run_shows_its_phase_its_figures_and_its_own_settings() -> None:
    app = open_page("train", run=small_runs.run("running", name="mine", epochs=3))
    assert not app.exception and app.title[0].value == "mine"
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Best validation"] == "75.0%" and figures["Speed"] == "64 texts/s"
    assert button(app, "Stop and keep")
    progress = app.get("progress")[0].proto
    assert progress.value == 50 and "4 of 8 steps" in progress.text
    assert {"Epochs": "3", "Name": "mine"}.items() <= dict(app.table[0].value.iloc[:, 0]).items()


def test_gradual_run_shows_what_trains_in_its_epoch() -> None:
    app = open_page("train", run=small_runs.run("running", mode="gradual", saved=False))
    assert layer_states(app) == ["trains", "later", "later", "later"]
    assert not app.exception


@pytest.mark.parametrize(
    ("status", "kind"), [("finished", "success"), ("stopped", "info"), ("failed", "error")]
)
def test_ended_run_shows_its_message_and_offers_no_model_without_a_checkpoint(
    status: str, kind: str
) -> None:
    app = open_page("train", run=small_runs.run(status, saved=False))
    assert "That was it" in app.get(kind)[0].value
    assert not {"Stop and keep", "Try it"} & {button.label for button in app.button}


def test_finished_run_can_be_tried() -> None:
    run_id = small_runs.run()
    app = press(open_page("train", run=run_id), "Try it")
    assert app.title[0].value == "Predict" and run_id in app.query_params["models"]


def test_run_again_fills_the_form_with_the_settings_of_the_run() -> None:
    run_id = small_runs.run(name="mine", mode="last-layer", epochs=3, seed=11, dropout=0.3)
    app = press(open_page("train", run=run_id), "Run again with these settings")
    assert app.title[0].value == "Train" and "run" not in app.query_params
    assert app.segmented_control(key="setting_mode").value == "last-layer"
    assert app.number_input(key="setting_seed").value == 11
    assert app.number_input(key="setting_dropout").value == 0.3
    assert app.text_input(key="setting_name").value == ""


def test_unknown_run_is_an_error_message() -> None:
    app = open_page("train", run="nothing")
    assert not app.exception and "There is no run" in app.error[0].value


@pytest.mark.parametrize("status", ["running", "finished"])
def test_reference_shows_its_figures_and_offers_no_model(status: str) -> None:
    run_id = tracking.create_run(FineTuneConfig(mode="tfidf"))
    with tracking.Recorder(run_id) as recorder:
        recorder.write(small_runs.Started({"steps": 1, "trains": "Logistic regression."}))
        recorder.write(small_runs.Progress("training", 0, None))
        if status == "finished":
            recorder.write(small_runs.Evaluation("val", 0, 0.0, 1.0, 90, 0.3, 0.9))
            recorder.write(small_runs.Finished("finished", "Done.", {"test_accuracy": 0.8}))
    app = open_page("train", run=run_id)
    assert not app.exception and not app.error
    assert ":gray-badge[TF-IDF]" in text(app)
    assert not {"Try it", "Run again with these settings"} & {button.label for button in app.button}
