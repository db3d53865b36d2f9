"""Runs: the list, the overlaid curves, the table of differences, and actions on runs."""

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ftcore import tracking
from ftcore.config import REFERENCES, FineTuneConfig
from ftcore.runs.scheduler import scheduler
from pages.components.charts import run_curves
from pages.components.charts.palette import model_colour
from tests.helpers import small_runs
from tests.helpers.app_pages import button, chart_header, open_page, press, text

pytestmark = pytest.mark.usefixtures("small_checkpoints")


def open_runs(*run_ids: str) -> AppTest:
    """The page with these runs chosen, or with the default choice."""
    return open_page("runs", runs=",".join(run_ids)) if run_ids else open_page("runs")


def curve_labels(app: AppTest) -> list[str]:
    return [run["label"] for run in chart_header(app)["runs"]]


def point_count(app: AppTest) -> int:
    return sum(curve["points"] for curve in chart_header(app)["curves"])


def side_by_side(app: AppTest) -> pd.DataFrame:
    return app.dataframe[1].value


def test_without_runs_the_next_step_is_one_click_away() -> None:
    app = open_runs()
    assert not app.exception and "No runs yet" in app.info[0].value
    assert press(app, "Start a first run").title[0].value == "Train"


def test_runs_are_listed_with_their_status_newest_first() -> None:
    small_runs.run(name="One")
    small_runs.run("failed", saved=False, name="Two", mode="last-layer", limit=2000)
    small_runs.run("queued", name="Three")
    table = open_runs().dataframe[0].value
    assert list(table["Name"]) == ["Three", "Two", "One"]
    assert [*map(list, table["Status"])] == [["queued"], ["failed"], ["finished"]]
    assert [*map(list, table["Mode"])] == [["Full"], ["Last layer"], ["Full"]]
    assert list(table["Texts"]) == ["all", "2,000", "all"]
    assert table["Test"][2] == pytest.approx(66)
    assert table["Time"][2] == "1 min 15 s"
    assert table["Disk"][2].endswith("kB") and table["Disk"][0] == "0 B"


def test_the_address_chooses_runs_and_deleted_ones_are_ignored() -> None:
    first, second, _ = (small_runs.run(name=name) for name in ("One", "Two", "Three"))
    app = open_runs(first, "gone", second)
    assert curve_labels(app) == ["One", "Two"]
    assert list(side_by_side(app).columns) == ["One", "Two"]


def test_default_choice_is_the_newest_run_and_another_mode_on_the_same_texts() -> None:
    for name, mode, limit in (
        ("Before", "last-layer", 0),
        ("Last", "last-layer", 0),
        ("Few", "gradual", 300),
        ("Same", "full", 0),
        ("Words", "tfidf", 0),
        ("Newest", "full", 0),
    ):
        small_runs.run(saved=mode != "tfidf", name=name, mode=mode, limit=limit)
    small_runs.run("queued", name="Waiting")
    assert curve_labels(open_runs()) == ["Newest", "Last"]


def test_an_empty_choice_draws_nothing_and_disables_the_actions() -> None:
    small_runs.run()
    app = open_page("runs", runs="")
    assert "Select runs" in app.info[0].value and not app.get("bidi_component")
    for label in ("Open", "Predict", "Rename", "Delete"):
        assert button(app, label).disabled


def test_curves_of_a_running_run_grow() -> None:
    run_id = small_runs.run("running", saved=False)
    app = open_runs(run_id)
    before = point_count(app)
    with tracking.Recorder(run_id) as recorder:
        recorder.write(small_runs.Evaluation("val", 8, 1.0, 4.0, 256, 0.4, 0.8))
    assert point_count(app.run()) == before + 2


def test_the_axis_can_be_chosen() -> None:
    app = open_runs(small_runs.run())
    assert chart_header(app)["axis"] == "Step"
    app.segmented_control(key="runs_axis").set_value("seconds").run()
    assert chart_header(app)["axis"] == "Seconds"


def test_several_runs_show_only_their_differences_unless_all_is_asked_for() -> None:
    app = open_runs(
        small_runs.run(name="One", epochs=3),
        small_runs.run(name="Two", epochs=5, mode="last-layer"),
    )
    table = side_by_side(app)
    assert table.loc["Epochs"].tolist() == ["3", "5"] and "Mode" in table.index
    assert "Seed" not in table.index and "Test accuracy" not in table.index
    app.toggle(key="runs_differences").set_value(False).run()
    assert side_by_side(app).loc["Seed"].tolist() == ["0", "0"]
    assert side_by_side(app).loc["Training texts"].tolist() == ["all", "all"]


def test_one_run_shows_all_its_settings() -> None:
    table = side_by_side(open_runs(small_runs.run("failed", dropout=0.25)))
    assert table.loc["Message"].tolist() == ["That was it."]
    assert table.loc["Dropout"].tolist() == ["0.25"]
    assert table.loc["Test accuracy"].tolist() == ["66.0%"]


def finished_reference(config: FineTuneConfig) -> str:
    run_id = tracking.create_run(config)
    with tracking.Recorder(run_id) as recorder:
        recorder.write(small_runs.Started({"steps": 1}))
        recorder.write(small_runs.Evaluation("val", 0, 0.0, 1.0, 90, 0.3, 0.9))
        recorder.write(small_runs.Evaluation("test", 0, 0.0, 1.0, 90, 0.3, 0.8))
        recorder.write(small_runs.Finished("finished", "Done.", {"val_accuracy": 0.9}))
    return run_id


def test_reference_lines_are_added_once_and_drawn_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "submit", finished_reference)
    run_id = small_runs.run(seed=3)
    app = press(open_runs(run_id), "Reference lines")
    run_ids = "".join(app.query_params["runs"]).split(",")
    assert [tracking.run(run_id).config.mode for run_id in run_ids] == ["full", *REFERENCES]
    assert not app.exception and not app.warning
    assert curve_labels(app)[1].startswith("TF-IDF · sample")
    level = [
        curve["points"]
        for curve in chart_header(app)["curves"]
        if curve["run"] == 1 and curve["split"] == "val"
    ]
    assert level == [2, 2]
    assert {"Mode", "Validation accuracy"} <= set(side_by_side(app).index)
    assert not {"Checkpoint", "Optimizer"} & set(side_by_side(app).index)
    assert "Learning rate" not in side_by_side(open_runs(run_ids[1])).index

    press(open_runs(run_id), "Reference lines")
    assert len(tracking.runs()) == 1 + len(REFERENCES)
    press(open_runs(small_runs.run(seed=4)), "Reference lines")
    assert len(tracking.runs()) == 2 * (1 + len(REFERENCES))


def test_a_reference_reaches_from_its_own_end_to_that_of_the_other_curves() -> None:
    end = {"step": 0, "epoch": 0.0, "seconds": 5.0, "accuracy": 0.9}
    history = pd.DataFrame([{"split": "val", **end}, {"split": "test", **end}])
    axis_ends = pd.Series({"step": 40, "epoch": 2.0, "seconds": 60.0})
    extended = run_curves.extended_reference(history, axis_ends)
    val = extended[extended["split"] == "val"]
    assert val["seconds"].tolist() == [5.0, 60.0] and val["step"].tolist() == [0, 40]
    assert val["accuracy"].tolist() == [0.9, 0.9]
    assert extended.loc[extended["split"] == "test", "epoch"].tolist() == [2.0]
    assert extended["t"].tolist() == [5.0, 5.0, 5.0]  # a replay shows all of it at once


def test_an_unfair_comparison_is_explained() -> None:
    first = small_runs.run(seed=1)
    app = open_runs(first, small_runs.run(seed=2, limit=50))
    assert "What differs: training texts (all, 50), seed (1; 2)." in text(app)
    assert not open_runs(first, small_runs.run(seed=1, epochs=9)).warning


def test_runs_of_the_same_name_and_mode_get_distinct_labels_and_shades() -> None:
    app = open_runs(small_runs.run(name="Same"), small_runs.run(name="Same"))
    first, second = chart_header(app)["runs"]
    assert first["label"] != second["label"] and first["label"].startswith("Same (")
    assert first["colour"] == model_colour("full") != second["colour"]


def test_shades_are_distinct_colours() -> None:
    shades = [run_curves.shade("#2563EB", number) for number in range(5)]
    assert len(set(shades)) == 5 and shades[0] == "#2563EB"
    assert all(len(shade) == 7 and int(shade[1:], 16) >= 0 for shade in shades)


def test_a_run_can_be_opened_and_asked() -> None:
    run_id = small_runs.run()
    assert press(open_runs(run_id), "Open").query_params["run"] == run_id
    app = press(open_runs(run_id), "Predict")
    assert app.title[0].value == "Predict" and app.query_params["models"] == run_id


@pytest.mark.parametrize("saved", [True, False])
def test_a_run_in_training_can_be_asked_once_it_has_a_checkpoint(saved: bool) -> None:
    app = open_runs(small_runs.run("running", saved=saved))
    assert button(app, "Predict").disabled is not saved


def test_delete_and_rename_ask_first() -> None:
    app = press(open_runs(small_runs.run(name="Mine *own*")), "Delete")
    assert "- Mine \\*own\\*" in [element.value for element in app.markdown]
    assert press(app, "Rename").text_input[0].value == "Mine *own*"
    assert len(tracking.runs()) == 1


def test_an_unreadable_record_is_an_error_message(home: Path) -> None:
    (home / "mlflow.db").write_bytes(b"this is no database" * 100)
    app = open_runs()
    assert not app.exception and "record of runs" in app.error[0].value
