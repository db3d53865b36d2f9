"""Runs: the list, what is overlaid and set side by side, and what becomes of a run."""

import json
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ftcore import paths, tracking
from ftcore.config import REFERENCES, FineTuneConfig
from ftcore.runs.scheduler import scheduler
from pages.components.charts import run_curves
from pages.components.charts.palette import model_colour
from tests.helpers import small_runs

MAIN = Path(__file__).parents[2] / "pages" / "_main.py"


@pytest.fixture(autouse=True)
def bundled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", home / "bundled")
    small_runs.bundled(home / "bundled")


def page(*chosen: str) -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    if chosen:
        app.query_params["runs"] = ",".join(chosen)
    return app.switch_page("runs.py").run()


def press(app: AppTest, label: str, nth: int = 0) -> AppTest:
    return [one for one in app.button if one.label == label][nth].click().run()


def charts(app: AppTest) -> dict:
    """The header of what the chart component got."""
    data = app.get("bidi_component")[0].proto.bytes
    length = int.from_bytes(data[:4], "little")
    return json.loads(data[4 : 4 + length])


def side_by_side(app: AppTest) -> pd.DataFrame:
    return app.dataframe[1].value


def test_without_runs_the_next_step_is_one_click_away() -> None:
    app = page()
    assert not app.exception and "No runs yet" in app.info[0].value
    assert press(app, "Start a first run").title[0].value == "Train"


def test_runs_are_listed_with_their_state_newest_first() -> None:
    small_runs.run(name="One")
    small_runs.run("failed", saved=False, name="Two", mode="last-layer", limit=2000)
    small_runs.run("queued", name="Three")
    table = page().dataframe[0].value
    assert list(table["Name"]) == ["Three", "Two", "One"]
    assert [list(one) for one in table["Status"]] == [["queued"], ["failed"], ["finished"]]
    assert [list(one) for one in table["Mode"]] == [["Full"], ["Last layer"], ["Full"]]
    assert list(table["Texts"]) == ["all", "2,000", "all"]
    assert table["Test"][2] == pytest.approx(66)
    assert table["Time"][2] == "1 min 15 s"
    assert table["Disk"][2].endswith("kB") and table["Disk"][0] == "0 B"


def test_the_address_chooses_and_what_is_gone_is_passed_over() -> None:
    one, two, _ = (small_runs.run(name=name) for name in ("One", "Two", "Three"))
    app = page(one, "gone", two)
    assert [run["label"] for run in charts(app)["runs"]] == ["One", "Two"]
    assert list(side_by_side(app).columns) == ["One", "Two"]


def test_first_visit_overlays_the_newest_run_with_another_mode_on_the_same_texts() -> None:
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
    assert [run["label"] for run in charts(page())["runs"]] == ["Newest", "Last"]


def test_nothing_chosen_asks_for_a_choice() -> None:
    small_runs.run()
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    app.query_params["runs"] = ""
    app.switch_page("runs.py").run()
    assert "Select runs" in app.info[0].value and not app.get("bidi_component")
    assert all(
        one.disabled for one in app.button if one.label in ("Open", "Predict", "Rename", "Delete")
    )


def test_curves_of_a_running_run_grow_and_those_of_an_ended_one_are_kept() -> None:
    run_id = small_runs.run("running", saved=False)
    app = page(run_id)
    before = sum(curve["points"] for curve in charts(app)["curves"])
    with tracking.Recorder(run_id) as recorder:
        recorder.write(small_runs.Evaluation("val", 8, 1.0, 4.0, 256, 0.4, 0.8))
    app.run()
    assert sum(curve["points"] for curve in charts(app)["curves"]) == before + 2


def test_axis_is_chosen() -> None:
    app = page(small_runs.run())
    assert charts(app)["axis"] == "Step"
    app.segmented_control(key="runs_axis").set_value("seconds").run()
    assert charts(app)["axis"] == "Seconds"


def test_only_differences_are_set_side_by_side_until_all_is_asked_for() -> None:
    app = page(
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
    table = side_by_side(page(small_runs.run("failed", dropout=0.25)))
    assert table.loc["Message"].tolist() == ["That was it."]
    assert table.loc["Dropout"].tolist() == ["0.25"]
    assert table.loc["Test accuracy"].tolist() == ["66.0%"]


def test_reference_lines_are_added_once_and_drawn_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        scheduler, "submit", lambda config: reference(config.mode, seed=config.seed)
    )
    run_id = small_runs.run(seed=3)
    app = press(page(run_id), "Reference lines")
    shown = app.query_params["runs"]
    shown = (shown if isinstance(shown, str) else shown[0]).split(",")
    modes = [tracking.run(one).config.mode for one in shown]
    assert modes == ["full", *REFERENCES]
    assert not app.exception and not app.warning
    drawn = charts(app)
    assert [one["label"] for one in drawn["runs"]][1].startswith("TF-IDF · sample")
    flat = [one for one in drawn["curves"] if one["run"] == 1 and one["split"] == "val"]
    assert [one["points"] for one in flat] == [2, 2]
    assert "Learning rate" not in side_by_side(page(shown[1])).index
    assert {"Mode", "Validation accuracy"} <= set(side_by_side(app).index)
    assert not {"Checkpoint", "Optimizer"} & set(side_by_side(app).index)

    press(page(run_id), "Reference lines")
    assert len(tracking.runs()) == 1 + len(REFERENCES)
    press(page(small_runs.run(seed=4)), "Reference lines")
    assert len(tracking.runs()) == 2 * (1 + len(REFERENCES))


def test_a_reference_reaches_from_its_own_end_to_that_of_the_others() -> None:
    own = {"step": 0, "epoch": 0.0, "seconds": 5.0, "accuracy": 0.9}
    history = pd.DataFrame([{"split": "val", **own}, {"split": "test", **own}])
    found = run_curves.extended_reference(
        history, pd.Series({"step": 40, "epoch": 2.0, "seconds": 60.0})
    )
    val = found[found["split"] == "val"]
    assert val["seconds"].tolist() == [5.0, 60.0] and val["step"].tolist() == [0, 40]
    assert val["accuracy"].tolist() == [0.9, 0.9]
    assert found.loc[found["split"] == "test", "epoch"].tolist() == [2.0]
    assert found["t"].tolist() == [5.0, 5.0, 5.0]  # in a replay, all of it at once


def reference(mode: str, seed: int) -> str:
    """A finished reference run."""
    config = FineTuneConfig(mode=mode, seed=seed)  # type: ignore[arg-type]
    run_id = tracking.create_run(config)
    with tracking.Recorder(run_id) as recorder:
        recorder.write(small_runs.Started({"steps": 1}))
        recorder.write(small_runs.Evaluation("val", 0, 0.0, 1.0, 90, 0.3, 0.9))
        recorder.write(small_runs.Evaluation("test", 0, 0.0, 1.0, 90, 0.3, 0.8))
        recorder.write(small_runs.Finished("finished", "Done.", {"val_accuracy": 0.9}))
    return run_id


def test_an_unfair_comparison_is_named() -> None:
    one, two, three = (
        small_runs.run(seed=1),
        small_runs.run(seed=2, limit=50),
        small_runs.run(seed=1, epochs=9),
    )
    said = page(one, two).warning[0].value.replace("\\", "")
    assert "What differs: training texts (all, 50), seed (1; 2)." in said
    assert not page(one, three).warning


def test_runs_of_one_name_and_mode_are_told_apart() -> None:
    one, two = small_runs.run(name="Same"), small_runs.run(name="Same")
    runs = charts(page(one, two))["runs"]
    assert runs[0]["label"] != runs[1]["label"] and runs[0]["label"].startswith("Same (")
    assert runs[0]["colour"] == model_colour("full") != runs[1]["colour"]


def test_shades_are_colours_and_differ() -> None:
    found = [run_curves.shade("#2563EB", number) for number in range(5)]
    assert len(set(found)) == 5 and found[0] == "#2563EB"
    assert all(len(one) == 7 and int(one[1:], 16) >= 0 for one in found)


def test_a_run_is_opened_and_asked() -> None:
    run_id = small_runs.run()
    app = press(page(run_id), "Open")
    assert app.query_params["run"] == run_id
    app = press(page(run_id), "Predict")
    assert app.title[0].value == "Predict" and app.query_params["models"] == run_id


def test_a_run_in_training_can_be_asked_once_it_saved_something() -> None:
    one, two = small_runs.run("running"), small_runs.run("running", saved=False)

    def asks(run_id: str) -> bool:
        return not next(
            button for button in page(run_id).button if button.label == "Predict"
        ).disabled

    assert asks(one) and not asks(two)


def test_delete_and_rename_ask_first() -> None:
    app = press(page(small_runs.run(name="Mine *own*")), "Delete")
    assert "- Mine \\*own\\*" in [one.value for one in app.markdown]
    assert press(app, "Rename").text_input[0].value == "Mine *own*"
    assert len(tracking.runs()) == 1


def test_an_unreadable_record_is_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir(exist_ok=True)
    (home / "mlflow.db").write_bytes(b"this is no database" * 100)
    app = page()
    assert not app.exception and "record of runs" in app.error[0].value
