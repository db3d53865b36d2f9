"""Train: the form and what it starts, and the view of one run in each status."""

import json
import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from ftcore import formatting, tracking
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Finished, Noted, Resumable, Started, Step, drain
from ftcore.exchange.huggingface import import_encoder
from ftcore.inference import calibration_measures
from ftcore.models import calibration as kept_calibration, checkpoints
from ftcore.models.calibration import Calibration
from ftcore.modes import DEFAULTS, mode_defaults, mode_title
from ftcore.relevance import relevant_settings
from ftcore.runs import calibration
from ftcore.runs.scheduler import scheduler
from ftcore.serving import snippets
from pages.components.charts.palette import mode_badge
from tests.helpers import fake_results, small_encoders, small_runs
from tests.helpers.app_pages import button, button_labels, open_page, press, text

pytestmark = pytest.mark.usefixtures("small_checkpoints")


OPEN = {"train_more": True}
"""The state of a session in which "More settings" is open."""


def layer_states(app: AppTest) -> list[str]:
    """The states in the data that the picture of the layers received."""
    data = json.loads(app.get("bidi_component")[0].proto.json)
    return [block["state"] for block in data["blocks"]]


def test_form_describes_what_trains_how_long_and_that_the_head_is_replaced():
    app = open_page("train")
    assert not app.exception
    assert "(100.0%)" in text(app) and "4 classes before, 2 now" in text(app)
    assert re.search(r"About \d+ (s|min) on this machine", text(app))
    app.segmented_control(key="setting_mode").set_value("last-layer").run()
    assert "Trains 18 of" in text(app)
    app.segmented_control(key="setting_mode").set_value("scratch").run()
    assert "Everything but the word vectors starts random" in text(app)
    app.number_input(key="setting_epochs").set_value(-3).run()
    assert "Epochs is -3" in text(app) and button(app, "Start").disabled


def test_after_a_custom_run_the_form_shows_the_time_and_the_run_in_training():
    app = open_page("train")
    assert not any(label.startswith("Watch") for label in button_labels(app))
    small_runs.run(mode="custom", groups="layer 1")
    small_runs.run("running", name="mine")
    app.segmented_control(key="setting_mode").set_value("custom").run()
    assert "on this machine" in text(app)
    app.button(key="watch").click().run()
    assert not app.exception and "mine" in app.title[0].value


def test_presets_and_modes_fill_the_form():
    app = open_page("train", session=OPEN)
    assert app.segmented_control(key="preset").value == "Quick"
    app.segmented_control(key="setting_mode").set_value("last-layer").run()
    epochs = mode_defaults("last-layer").epochs
    assert app.number_input(key="setting_epochs").value == epochs
    app.segmented_control(key="preset").set_value("Lesson").run()
    assert app.number_input(key="setting_learning_rate").value == 1.0
    assert app.segmented_control(key="setting_optimizer").value == "sgd"
    app.number_input(key="setting_max_grad_norm").set_value(0.5).run()
    assert app.segmented_control(key="preset").value is None
    app.segmented_control(key="preset").set_value("Quick").run()
    assert app.number_input(key="setting_epochs").value == epochs
    assert app.segmented_control(key="setting_optimizer").value == "adamw"


def inputs(app: AppTest) -> set[str]:
    """The settings that have an input."""
    kinds = "selectbox", "number_input", "text_input", "text_area", "toggle", "segmented_control"
    keys = [widget.key or "" for kind in kinds for widget in app.get(kind)]
    return {key.removeprefix("setting_") for key in keys if key.startswith("setting_")}


def test_settings_with_an_effect_have_an_input_and_a_missing_path_is_an_error_before_a_run():
    app = open_page("train", session=OPEN)
    app.selectbox(key="setting_dataset").set_value("imdb").run()
    relevant = {each.name for each in relevant_settings(FineTuneConfig(dataset="imdb"))}
    assert inputs(app) == relevant and "groups" not in relevant
    app.segmented_control(key="setting_mode").set_value("custom").run()
    assert "groups" in inputs(app)
    app.text_input(key="setting_source").set_value("/nowhere/aclImdb").run()
    app = press(app, "Start")
    assert "/nowhere/aclImdb is not there" in text(app)
    assert app.text_input(key="setting_source").value == "/nowhere/aclImdb"
    assert tracking.runs().empty
    app.selectbox(key="setting_dataset").set_value("ag_news").run()
    assert app.text_input(key="setting_source").value == ""
    assert "classes before" not in text(app)


def test_form_keeps_its_values_and_start_queues_a_run_with_them(small_checkpoints, monkeypatch):
    monkeypatch.setattr(scheduler, "submit", tracking.create_run)
    app = open_page("train", session=OPEN)
    app.number_input(key="setting_seed").set_value(5).run()
    app.switch_page("data.py").run()
    app.switch_page("train.py").run()
    elsewhere = small_checkpoints.rename(small_checkpoints.with_name("elsewhere"))
    app.run()
    assert not app.exception and "no checkpoint" in text(app)
    elsewhere.rename(small_checkpoints)
    app = press(app.run(), "Start")
    run = tracking.run(tracking.runs()["run_id"][0])
    assert not app.exception and app.query_params["run"] == run.run_id and run.name in text(app)
    assert (run.config.seed, run.config.checkpoint) == (5, "starter")


def test_modes_are_those_of_the_checkpoint_and_custom_groups_are_checked():
    app = open_page("train", session=OPEN)
    mode = app.segmented_control(key="setting_mode")
    assert mode.options == list(map(mode_title, DEFAULTS["lesson"]))
    app = mode.set_value("custom").run()
    assert not app.exception and app.text_input(key="setting_groups").value == "head"
    assert layer_states(app)[:2] == ["trains", "frozen"]
    assert app.segmented_control(key="preset").value == "Quick"
    app.text_input(key="setting_groups").set_value("layer 7").run()
    assert "no group 'layer 7'" in text(app) and button(app, "Start").disabled


def test_any_number_of_groups_from_the_top_is_chosen_on_a_slider(tmp_path):
    drain(import_encoder(str(small_encoders.write_folder(tmp_path / "small"))))
    app = open_page("train")
    app.selectbox(key="setting_checkpoint").set_value("small").run()
    assert not app.slider
    app.segmented_control(key="setting_mode").set_value("last-2").run()
    slider = app.slider(key="last_groups")
    assert (slider.min, slider.max, slider.value) == (2, 5, 2)
    app = slider.set_value(4).run()
    assert app.segmented_control(key="setting_mode").value == "last-4"
    assert layer_states(app) == ["trains"] * 4 + ["frozen"]
    app.segmented_control(key="setting_mode").set_value("full").run()
    mode = app.segmented_control(key="setting_mode")
    assert "Last 4 groups" in mode.options and len(mode.options) == len(DEFAULTS["encoder"])
    app = mode.set_value("last-4").run()
    app.switch_page("data.py").run()
    app.switch_page("train.py").run()
    assert app.segmented_control(key="setting_mode").value == "last-4"
    assert app.slider(key="last_groups").value == 4
    app.slider(key="last_groups").set_value(5).run()
    app.selectbox(key="setting_checkpoint").set_value("starter").run()
    assert not app.exception
    assert app.segmented_control(key="setting_mode").value == "full"  # this model has 4 groups


def test_the_epochs_of_an_encoder_follow_the_number_of_texts_until_they_are_chosen(tmp_path):
    drain(import_encoder(str(small_encoders.write_folder(tmp_path / "small"))))
    app = open_page("train")
    app.selectbox(key="setting_checkpoint").set_value("small").run()
    assert app.segmented_control(key="preset").value == "Quick"
    assert app.number_input(key="setting_steps").value == 352
    assert "setting_epochs" not in [each.key for each in app.number_input]  # it decides nothing
    app.segmented_control(key="preset").set_value("Best").run()
    app.number_input(key="setting_limit").set_value(500).run()
    assert app.number_input(key="setting_epochs").value == 12
    assert app.segmented_control(key="preset").value == "Best"
    app.number_input(key="setting_epochs").set_value(7).run()
    app.number_input(key="setting_limit").set_value(100).run()
    assert app.number_input(key="setting_epochs").value == 7


def test_live_run_shows_its_phase_its_figures_its_settings_and_what_trains_now():
    app = open_page("train", run=small_runs.run("running", name="mine", mode="gradual"))
    assert not app.exception and app.title[0].value == "mine"
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Best validation"] == "75.0%" and figures["Texts a second"] == "64"
    assert layer_states(app) == ["trains", "later", "later", "later"]
    assert button(app, "Stop and keep")
    progress = app.get("progress")[0].proto
    assert progress.value == 50 and "4 of 8 steps" in progress.text
    shown = dict(app.table[0].value.iloc[:, 0])
    assert {"Epochs": "4", "Name": "mine", "Test texts": "all"}.items() <= shown.items()
    assert not {"Minutes of training", "Steps", "Longest text in answers"} & shown.keys()


def test_a_run_whose_best_model_is_kept_by_macro_f1_is_shown_before_its_first_validation():
    run_id = tracking.create_run(FineTuneConfig(checkpoint="starter"))
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Started(small_runs.FACTS | {"best_by": "macro-f1"}))
        recorder.write(Step(1, 0.1, 0.5, 32, 0.7, 0.5, 0.001))
        recorder.write(Resumable(1))  # writes the batch
        app = open_page("train", run=run_id)
    assert not app.exception
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Validation, macro F1"] == formatting.MISSING


@pytest.mark.parametrize(
    ("status", "kind"), [("finished", "success"), ("stopped", "info"), ("failed", "error")]
)
def test_ended_run_shows_its_message_and_offers_no_model_without_a_checkpoint(status, kind):
    app = open_page("train", run=small_runs.run(status, saved=False))
    assert "That was it" in app.get(kind)[0].value
    assert not {"Stop and keep", "Try it"} & button_labels(app)


def test_finished_run_can_be_tried_or_repeated_with_its_settings():
    run_id = small_runs.run(name="mine", mode="last-3", epochs=3, seed=11, dropout=0.3)
    app = press(open_page("train", run=run_id), "Try it")
    assert app.title[0].value == "Predict" and run_id in app.query_params["models"]
    app = open_page("train", session=OPEN, run=run_id)
    app = press(app, "Run again with these settings")
    assert app.title[0].value == "Train" and "run" not in app.query_params
    assert app.segmented_control(key="setting_mode").value == "last-3"
    values = [app.number_input(key=f"setting_{name}").value for name in ("seed", "dropout")]
    assert values == [11, 0.3] and app.text_input(key="setting_name").value == ""
    app = open_page("train", run="nothing")
    assert not app.exception and "There is no run" in app.error[0].value


def test_reference_has_figures_but_no_model_and_no_steps():
    run_id = tracking.create_run(FineTuneConfig(mode="tfidf"))
    with tracking.Recorder(run_id) as recorder:
        recorder.write(small_runs.Started({"steps": 1, "trains": "Logistic regression."}))
        recorder.write(small_runs.Progress("training", 0, None))
        app = open_page("train", run=run_id)
        assert not app.exception and not app.error and mode_badge("tfidf", "TF-IDF") in text(app)
        recorder.write(small_runs.Evaluation("val", 0, 0.0, 1.0, 90, 0.3, 0.9))
        recorder.write(small_runs.Finished("finished", "Done.", {"test_accuracy": 0.8}))
    app.run()
    assert not app.exception and not app.error and "80.0%" in [m.value for m in app.metric]
    assert not {"Try it", "Run again with these settings"} & button_labels(app)


def end_discarded(run_id):
    """End a run that is to be discarded as its thread does, an instant before it is deleted."""
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Finished("stopped", "Discarded."))


def discard_at_once(run_id):
    """Discard a run as its thread would, after its last step."""
    end_discarded(run_id)
    tracking.delete(run_id)


@pytest.mark.parametrize("here", [True, False])
def test_a_discarded_run_leads_back_to_the_form_in_the_tab_that_asked(here, monkeypatch):
    """Also where the page is drawn whole, as when the run was seen stopped before it was deleted."""
    monkeypatch.setattr(scheduler, "discard", discard_at_once)
    run_id = small_runs.run("running", saved=False)
    app = open_page("train", run=run_id)
    press(app, "Discard") if here else discard_at_once(run_id)
    app.run()
    assert not app.exception
    assert ("run" in app.query_params) != here
    assert ("Start" in button_labels(app)) == here
    assert ("There is no run" in text(app)) != here


def test_a_discarded_run_leads_back_to_the_form_also_while_it_is_being_deleted(monkeypatch):
    monkeypatch.setattr(scheduler, "discard", end_discarded)
    app = open_page("train", run=small_runs.run("running", saved=False))
    press(app, "Discard")
    app.run()
    assert not app.exception and "Start" in button_labels(app)


def test_a_run_whose_discarding_is_refused_stays_on_its_page(monkeypatch):
    def refuse(run_id):
        raise UnfreezeError("Another run needs it.")

    monkeypatch.setattr(scheduler, "discard", refuse)
    run_id = small_runs.run("running", saved=False)
    app = open_page("train", run=run_id)
    press(app, "Discard")
    end_discarded(run_id)
    app.run()
    assert "run" in app.query_params


def test_a_run_shows_the_figures_of_each_class_and_the_measure_of_its_best_model():
    result = fake_results.full_result(measure="macro-f1", metrics={"macro_f1": 0.634})
    app = open_page("train", run=fake_results.record(result))
    assert not app.exception
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Test, macro F1"] == "63.4%" and "Validation, macro F1" in figures
    assert result.diagnostics is not None
    table = app.dataframe[0].value
    lowest = result.diagnostics.by_class.f1.argmin()
    assert table["label"].iloc[0] == fake_results.LABELS[lowest]
    assert table["support"].sum() == len(result.diagnostics.truth)
    assert sorted(table["recall"]) == pytest.approx(
        sorted(100 * result.diagnostics.by_class.recall)
    )


def test_a_run_is_calibrated_at_the_chosen_target_and_shows_what_that_brought(monkeypatch):
    run_id = small_runs.run(name="mine")
    truth = np.arange(400) % 2
    scores = np.where(np.arange(400)[:, None] % 5 == 0, 1, 4) * np.eye(2)[truth]
    asked = []

    def calibrate(run_id, target):
        yield Noted("A note.")
        asked.append(target)
        thresholds = {"negative": 0.0, "positive": 0.6}
        figures = calibration_measures.measure(scores, truth, 2.0, thresholds)
        kept = Calibration(2.0, target, thresholds, 40, figures)
        kept_calibration.write(checkpoints.find(run_id), kept)

    monkeypatch.setattr(calibration, "calibrate", calibrate)
    app = open_page("train", run=run_id)
    assert not app.exception and "often right less often" in text(app)
    app.segmented_control(key="target").set_value(0.9).run()
    app.button(key="calibrate").click().run()
    assert not app.exception and not app.error and asked == [0.9]
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Temperature"] == "2.00" and figures["Covered, of 90%"] == "100.0%"
    assert "Too few validation texts for a promise: negative." in text(app)
    table = app.dataframe[-1].value
    assert list(table["Class"]) == ["negative", "positive"] and list(table["Texts"]) == [200, 200]
    assert button(app, "Calibrate again")


def test_a_refused_calibration_is_a_message_and_a_damaged_one_is_said(monkeypatch):
    run_id = small_runs.run(name="mine")
    (checkpoints.run_path(run_id) / checkpoints.CALIBRATION).write_text("{}")
    app = open_page("train", run=run_id)
    assert not app.exception and "calibrate it again" in app.error[0].value

    def calibrate(run_id, target):
        raise UnfreezeError("3 validation texts allow no promise.")
        yield

    monkeypatch.setattr(calibration, "calibrate", calibrate)
    app.button(key="calibrate").click().run()
    assert not app.exception and "3 validation texts" in app.error[-1].value


def test_a_finished_run_shows_how_programs_use_it():
    run_id = small_runs.run(watch="Never again, I'd say.")
    app = open_page("train", run=run_id)
    assert [tab.label for tab in app.tabs] == ["About this run", "Use it"]
    shown = [code.value for code in app.tabs[1].code]
    calls = snippets.snippets("Never again, I'd say.")
    assert shown == [snippets.command(run_id), calls["Python"]]
    app.segmented_control(key="use_it").set_value("curl").run()
    assert app.tabs[1].code[1].value == calls["curl"]
    assert not app.exception
    assert not open_page("train", run=small_runs.run("running", saved=False)).tabs
