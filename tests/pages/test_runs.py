"""Runs: the list, the overlaid curves, the table of differences, and actions on runs."""

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ftcore import tracking
from ftcore.colours import model_colour
from ftcore.modes import REFERENCES
from ftcore.runs.scheduler import scheduler
from pages.components.charts import run_curves
from tests.helpers import small_runs
from tests.helpers.app_pages import button, button_labels, chart_header, open_page, press, text

pytestmark = pytest.mark.usefixtures("small_checkpoints")


def open_runs(*run_ids: str) -> AppTest:
    """The page with these runs chosen, or with the default choice."""
    return open_page("runs", runs=",".join(run_ids)) if run_ids else open_page("runs")


def test_without_runs_the_next_step_is_one_click_away():
    app = open_runs()
    assert not app.exception and "No runs yet" in app.info[0].value
    assert press(app, "Start a first run").title[0].value == "Train"


def test_an_unreadable_record_is_an_error_message(home):
    (home / "mlflow.db").write_bytes(b"this is no database" * 100)
    app = open_runs()
    assert not app.exception and "record of runs" in app.error[0].value


def test_runs_are_listed_newest_first_and_two_modes_on_the_same_texts_are_chosen():
    recorded = [("Before", "last-layer", 0), ("Last", "last-layer", 0), ("Few", "gradual", 300)]
    recorded += [("Same", "full", 0), ("Words", "tfidf", 0), ("Newest", "full", 0)]
    for name, mode, limit in recorded:
        small_runs.run(saved=mode != "tfidf", name=name, mode=mode, limit=limit)
    small_runs.run("queued", name="Waiting")
    app = open_runs()
    table = app.dataframe[0].value
    assert list(table["Name"]) == ["Waiting", *(name for name, _, _ in reversed(recorded))]
    assert [*map(list, table["Status"])] == [["queued"]] + [["finished"]] * 6
    assert [*map(list, table["Mode"])][4:] == [["Gradual"], ["Last layer"], ["Last layer"]]
    assert list(table["Texts"])[3:5] == ["all", "300"] and table["Time"][1] == "1 min 15 s"
    assert table["Test"][1] == pytest.approx(66)
    assert table["Disk"][1].endswith("kB") and table["Disk"][0] == "0 B"
    assert [run["label"] for run in chart_header(app)["runs"]] == ["Newest", "Last"]


def test_the_address_chooses_runs_and_deleted_ones_are_ignored():
    first, second, _ = (small_runs.run(name=name) for name in ("Same", "Two", "Three"))
    third = small_runs.run(name="Same")
    app = open_runs(first, "gone", second, third)
    one, two, three = chart_header(app)["runs"]
    assert one["label"] != three["label"] and one["label"].startswith("Same (")
    assert two["label"] == "Two" and app.dataframe[1].value.shape[1] == 3
    assert one["colour"] == model_colour("full") != three["colour"]


def test_the_queue_counts_what_waits_behind_all_that_runs(monkeypatch):
    names = ("First", "Second", "Third", "Fourth")
    run_ids = [small_runs.run("queued", name=name) for name in names]
    monkeypatch.setattr(scheduler.queue, "order", lambda: run_ids)
    monkeypatch.setattr(scheduler.queue, "running", lambda: run_ids[:2])
    app = open_runs()
    shown = text(app)
    assert "**Waiting: 2**" in shown and "1. Third" in shown and "2. Fourth" in shown
    assert "after Second" in shown and "after Third" in shown
    monkeypatch.setattr(scheduler, "stop", lambda run_id: tracking.run("none"))
    press(app, "Take off")
    assert "There is no run" in app.toast[0].value


def test_curves_of_a_running_run_grow_on_the_chosen_axis():
    def point_count(app: AppTest) -> int:
        return sum(curve["points"] for curve in chart_header(app)["curves"])

    run_id = small_runs.run("running")
    app = open_runs(run_id)
    assert chart_header(app)["axis"] == "Step" and not button(app, "Predict").disabled
    before = point_count(app)
    with tracking.Recorder(run_id) as recorder:
        recorder.write(small_runs.Evaluation("val", 8, 1.0, 4.0, 256, 0.4, 0.8))
    assert point_count(app.run()) == before + 2
    app.segmented_control(key="runs_axis").set_value("seconds").run()
    assert chart_header(app)["axis"] == "Seconds"


def test_several_runs_show_only_their_differences_unless_all_is_asked_for():
    first = small_runs.run(name="One", epochs=3, seed=1, dropout=0.25)
    second = small_runs.run(name="Two", epochs=5, seed=2, mode="last-layer", limit=50)
    app = open_runs(first, second)
    table = app.dataframe[1].value
    assert table.loc["Epochs"].tolist() == ["3", "5"] and "Mode" in table.index
    assert "Data" not in table.index and "Test accuracy" not in table.index
    assert "What differs: training texts (all, 50), seed (1; 2)." in text(app)
    app.toggle(key="runs_differences").set_value(False).run()
    assert app.dataframe[1].value.loc["Test accuracy"].tolist() == ["66.0%", "66.0%"]
    assert app.dataframe[1].value.loc["Training texts"].tolist() == ["all", "50"]
    app = open_runs(first, small_runs.run("failed", seed=1, epochs=9))
    assert not app.warning
    assert app.dataframe[1].value.loc["Message"].iloc[1] == "That was it."
    assert open_runs(first).dataframe[1].value.loc["Dropout"].tolist() == ["0.25"]


def test_how_a_run_was_executed_is_told_where_it_was_chosen_and_threads_as_they_were(monkeypatch):
    monkeypatch.setitem(small_runs.FACTS, "threads", "2")
    plain = open_runs(small_runs.run()).dataframe[1].value
    assert not {"Devices", "Priority", "Share of a GPU"} & set(plain.index)
    assert plain.loc["Threads"].tolist() == ["2"]
    chosen = open_runs(small_runs.run(priority="high", seed=1)).dataframe[1].value
    assert chosen.loc["Priority"].tolist() == ["high"]


def finished_reference(config, person):
    run_id = tracking.create_run(config)
    with tracking.Recorder(run_id) as recorder:
        recorder.write(small_runs.Started({"steps": 1}))
        recorder.write(small_runs.Evaluation("val", 0, 0.0, 1.0, 90, 0.3, 0.9))
        recorder.write(small_runs.Evaluation("test", 0, 0.0, 1.0, 90, 0.3, 0.8))
        recorder.write(small_runs.Finished("finished", "Done.", {"val_accuracy": 0.9}))
    return run_id


def test_reference_lines_are_added_once_and_drawn_level(monkeypatch):
    monkeypatch.setattr(scheduler, "submit", finished_reference)
    run_id = small_runs.run(seed=3)
    app = press(open_runs(run_id), "Reference lines")
    run_ids = "".join(app.query_params["runs"]).split(",")
    assert [tracking.run(run_id).config.mode for run_id in run_ids] == ["full", *REFERENCES]
    assert not app.exception and not app.warning
    assert chart_header(app)["runs"][1]["label"].startswith("TF-IDF · sample")
    assert {"Mode", "Validation accuracy"} <= set(app.dataframe[1].value.index)
    assert not {"Checkpoint", "Optimizer"} & set(app.dataframe[1].value.index)
    assert "Learning rate" not in open_runs(run_ids[1]).dataframe[1].value.index

    press(open_runs(run_id), "Reference lines")
    assert len(tracking.runs()) == 1 + len(REFERENCES)
    press(open_runs(small_runs.run(seed=4)), "Reference lines")
    assert len(tracking.runs()) == 2 * (1 + len(REFERENCES))


def test_a_reference_reaches_from_its_own_end_to_that_of_the_other_curves():
    end = {"step": 0, "epoch": 0.0, "seconds": 5.0, "accuracy": 0.9}
    history = pd.DataFrame([{"split": "val", **end}, {"split": "test", **end}])
    axis_ends = pd.Series({"step": 40, "epoch": 2.0, "seconds": 60.0})
    extended = run_curves.extended_reference(history, axis_ends)
    val = extended[extended["split"] == "val"]
    assert val["seconds"].tolist() == [5.0, 60.0] and val["step"].tolist() == [0, 40]
    assert val["accuracy"].tolist() == [0.9, 0.9]
    assert extended.loc[extended["split"] == "test", "epoch"].tolist() == [2.0]
    assert extended["t"].tolist() == [5.0, 5.0, 5.0]  # a replay shows all of it at once


def test_a_run_can_be_opened_asked_renamed_and_deleted_after_confirmation():
    run_id = small_runs.run(name="Mine *own*")
    assert press(open_runs(run_id), "Open").query_params["run"] == run_id
    app = press(open_runs(run_id), "Predict")
    assert app.title[0].value == "Predict" and app.query_params["models"] == run_id
    app = press(open_runs(run_id), "Delete")
    assert "- Mine \\*own\\*" in [element.value for element in app.markdown]
    assert press(app, "Rename").text_input[0].value == "Mine *own*"
    assert len(tracking.runs()) == 1
    small_runs.run("paused", saved=False, checkpoint=run_id, name="Child")
    app = press(open_runs(run_id), "Delete")
    assert "are stopped first, and keep their best models: **Child** (paused)." in text(app)
    assert "End and delete" in button_labels(app)


def test_actions_that_a_choice_does_not_allow_are_disabled():
    app = open_runs(small_runs.run("running", saved=False))
    assert button(app, "Predict").disabled
    app = open_page("runs", runs="")
    assert "Select runs" in app.info[0].value and not app.get("bidi_component")
    assert all(button(app, label).disabled for label in ("Open", "Predict", "Rename", "Delete"))
