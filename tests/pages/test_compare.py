"""Compare: what it asks for, what it queues, how runs look while they go, and what is said of their end."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ftcore import formatting, paths, tracking
from ftcore.config import REFERENCES, mode_defaults
from ftcore.experiments import comparison
from ftcore.runs.scheduler import scheduler
from pages.components.charts import run_curves
from pages.components.charts.live_chart import AXES
from pages.components.compare import outcome
from pages.components.runs import live_comparison
from pages.components.shell import warm_imports
from tests.helpers import fake_results, small_runs
from tests.helpers.fake_results import result

MODES = ["full", "last-layer", "gradual", "scratch", *REFERENCES]
MAIN = Path(__file__).parents[2] / "pages" / "_main.py"


@pytest.fixture(autouse=True)
def bundled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small checkpoints, no bundled experiment, the slow imports done, nothing kept from before."""
    monkeypatch.setattr(paths, "BUNDLED_CHECKPOINTS", home / "bundled")
    monkeypatch.setattr(paths, "BUNDLED_EXPERIMENTS", home / "none")
    small_runs.bundled(home / "bundled")
    warm_imports.preload().result()
    st.cache_data.clear()


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are queued, and never begin."""
    monkeypatch.setattr(scheduler, "submit", tracking.create_run)


def page(**query: str) -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return app.switch_page("compare.py").run()


def said(app: AppTest) -> str:
    """All words of a page, as they are read."""
    elements = [*app.title, *app.markdown, *app.caption, *app.error, *app.info, *app.warning]
    found = [element.value for element in elements]
    found += [element.proto.body for element in app.get("html")]
    return re.sub(r"\\(\W)", r"\1", "\n".join(found))


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def head(app: AppTest) -> dict:
    """The header of what the chart of curves got."""
    data = app.get("bidi_component")[0].proto.bytes
    length = int.from_bytes(data[:4], "little")
    return json.loads(data[4 : 4 + length])


def verdict(app: AppTest) -> str:
    return "".join(text for text, _ in head(app)["story"]["verdict"]).replace("\xa0", " ")


def finished(**more: object) -> None:
    """A finished experiment, `one`."""
    for mode, right, seconds in (("full", 931, 19), ("last-layer", 660, 3), ("scratch", 900, 19)):
        fake_results.record(result(mode, right, seconds=seconds, **more), "one", "My experiment")
    fake_results.record(result("tfidf", 860, seconds=2), "one", "My experiment")


def test_defaults_do_and_one_click_queues_all_runs(queued: None) -> None:
    app = page()
    assert not app.exception and app.title[0].value == "Compare"
    assert f"**{len(MODES)} runs**, 3 of them for reference lines" in said(app)
    assert re.search(r"About \d+ (s|min) on this machine", said(app))
    app = press(app, "Run the experiment")
    assert not app.exception and not app.error
    runs = tracking.runs().iloc[::-1]
    assert list(runs["mode"]) == MODES
    assert app.query_params["experiment"] in (
        runs["experiment"].iloc[0],
        [runs["experiment"].iloc[0]],
    )
    assert len(set(runs["experiment"])) == 1
    watched = tracking.run(runs["run_id"].iloc[0]).config.watched
    assert len(watched) == 3 and "dull film" in watched[0]
    assert said(app).count("waiting") == len(MODES) and "4 modes" in said(app)


def test_what_is_chosen_is_what_runs(queued: None) -> None:
    app = page()
    app.get("button_group")[0].set_value(["full", "custom"]).run()
    app.number_input(key="compare_seeds").set_value(2).run()
    app.number_input(key="compare_epochs").set_value(3).run()
    app.number_input(key="compare_rate_custom").set_value(0.005).run()
    app.toggle(key="compare_references").set_value(False).run()
    assert "**4 runs**" in said(app)
    app = press(app, "Run the experiment")
    configs = [tracking.run(run_id).config for run_id in tracking.runs()["run_id"].iloc[::-1]]
    assert [(one.mode, one.seed) for one in configs] == [
        ("full", 0),
        ("custom", 0),
        ("full", 1),
        ("custom", 1),
    ]
    assert {one.epochs for one in configs} == {3} and configs[1].groups == "head"
    assert [one.learning_rate for one in configs[:2]] == [
        mode_defaults("full").learning_rate,
        0.005,
    ]
    assert "Full, seed 1" in said(app) and "2 seeds" in said(app)


def test_a_race_needs_two() -> None:
    app = page()
    app.get("button_group")[0].set_value(["full"]).run()
    assert "two modes" in app.info[0].value
    assert next(one for one in app.button if one.label == "Run the experiment").disabled


def test_what_cannot_run_is_said_before_anything_is_queued() -> None:
    app = page()
    app.selectbox(key="setting_dataset").set_value("imdb").run()
    app.text_input(key="setting_source").set_value("/nowhere/aclImdb").run()
    app = press(app, "Run the experiment")
    assert "/nowhere/aclImdb is not there" in said(app) and tracking.runs().empty


def test_earlier_experiments_are_a_click_away() -> None:
    finished()
    fake_results.record(result("full", status="queued"), "two", "*Another*")
    assert any(button.label == "\\*Another\\*" for button in page().button)
    app = press(page(), "My experiment")
    assert app.query_params["experiment"] == "one"  # its address, to come back to or hand on
    assert verdict(app).startswith("Full is the most accurate")


def test_a_line_a_run_says_how_far_it_is() -> None:
    fake_results.record(result("full", seconds=12), "one")
    fake_results.record(result("last-layer", status="running"), "one")
    fake_results.record(result("gradual", status="queued"), "one")
    app = page(experiment="one")
    assert not app.exception
    text = re.sub(r"<[^>]*>", " ", said(app))
    assert re.search(r"Full\s+done in 17 s", text)
    assert re.search(r"Last layer\s+training 50%", text) and re.search(r"Gradual\s+waiting", text)
    drawn = head(app)
    assert [run["label"] for run in drawn["runs"]] == ["Full", "Last layer"]
    assert drawn["axis"] == "Step" and "story" not in drawn


@pytest.mark.parametrize(("ending", "label"), [("stop", "Stop all"), ("pause", "Pause")])
def test_stop_and_pause_reach_all_and_those_that_wait_first(
    monkeypatch: pytest.MonkeyPatch, ending: str, label: str
) -> None:
    fake_results.record(result("full"), "one")
    live = [
        fake_results.record(result(mode, status=status), "one")
        for mode, status in (
            ("last-layer", "running"),
            ("gradual", "queued"),
            ("scratch", "queued"),
        )
    ]
    reached: list[str] = []
    monkeypatch.setattr(scheduler, ending, reached.append)
    app = press(page(experiment="one"), label)
    assert reached == live[::-1] and not app.exception


def test_an_experiment_that_broke_off_goes_on_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_results.record(result("full"), "one")
    broken = [
        fake_results.record(result(mode, status=status), "one")
        for mode, status in (("last-layer", "interrupted"), ("gradual", "paused"))
    ]
    resumed: list[str] = []
    monkeypatch.setattr(scheduler, "resume", lambda *run_ids: resumed.extend(run_ids))
    app = press(page(experiment="one"), "Resume")
    assert resumed == broken and not app.exception


def test_a_stop_that_cannot_be_is_one_sentence() -> None:
    fake_results.record(
        result("full", status="running"), "one"
    )  # belongs to no queue of this process
    app = press(page(experiment="one"), "Stop all")
    assert "stop it there" in app.error[0].value


def test_ten_tabs_read_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = fake_results.record(result("full", status="running"), "one")
    reads: list[str] = []
    real = tracking.run
    monkeypatch.setattr(tracking, "run", lambda one: reads.append(one) or real(one))
    shots = [live_comparison.live_view((run_id,), "step") for _ in range(10)]
    assert reads == [run_id] and len({shot.curves for shot in shots}) == 1


def test_a_finished_experiment_begins_with_the_verdict() -> None:
    finished()
    app = page(experiment="one")
    assert not app.exception and not app.error
    assert verdict(app).startswith(
        "Full is the most accurate: 93.1% of 1,000 synthetic test texts, 3.1 ± "
    )
    story = head(app)["story"]
    assert ["Full", "#2563EB"] in story["verdict"] and story["further"][0].startswith("Pretraining")
    assert "My experiment" in said(app) and not app.warning
    table = app.table[0].value
    assert list(table["Mode"]) == [
        ":blue-badge[Full]",
        ":yellow-badge[Last layer]",
        ":green-badge[From scratch]",
        ":gray-badge[TF-IDF]",
    ]
    first = table.iloc[0]
    assert first["Test accuracy"] == "**93.1%**\xa0±\xa01.6" and first["Training"] == "19 s"
    assert first["88% after"] == "19 s" and first["Trained parameters"] == "133,458 (4.33%)"
    assert table.iloc[3]["Trained parameters"] == formatting.MISSING and "Seeds" not in table
    assert not any(button.label == "Stop" for button in app.button)


def test_several_seeds_show_their_spread_and_a_band() -> None:
    for seed, right in enumerate((900, 930, 910)):
        for mode, less in (("full", 0), ("last-layer", 200)):
            fake_results.record(result(mode, right - less, seed), "one")
    app = page(experiment="one")
    table = app.table[0].value
    assert list(table["Seeds"]) == ["3", "3"]
    assert table["From seed to seed"][0] == "± 3.8"
    assert [run["label"] for run in head(app)["runs"]] == ["Full", "Last layer"]
    assert "low" in head(app)["curves"][0]["parts"]


def test_watched_sentences_are_replayed_by_the_clock_of_the_curves() -> None:
    for seed in (0, 1):
        for mode, seconds in (("last-layer", 5), ("full", 20)):
            made = result(mode, seed=seed, seconds=seconds, watch="A <b>fine</b> film.")
            fake_results.record(made, "one")
    drawn = head(page(experiment="one", by="Seconds"))
    [chart] = drawn["story"]["watched"]
    assert chart["title"] == "positive: “A <b>fine</b> film.”"  # drawn as text
    ends = {drawn["runs"][one["run"]]["label"]: one["t"] for one in chart["curves"]}
    assert ends == {"Full": [0, 20], "Last layer": [0, 5]}
    assert all(one["x"] == one["t"] and one["y"] == [0.2, 0.9] for one in chart["curves"])
    finished()
    assert head(page(experiment="one", by="Seconds"))["story"]["watched"]


def test_the_address_chooses_axis_and_tab() -> None:
    finished(epochs=4)
    app = page(experiment="one", by="Seconds", tab="Settings")
    assert not app.exception and head(app)["axis"] == "Seconds"
    side_by_side = app.dataframe[0].value
    assert side_by_side.loc["Mode"].tolist() == ["full", "last-layer", "scratch", "tfidf"]
    assert "Epochs" not in side_by_side.index  # no difference


@pytest.mark.parametrize("kept", [True, False])
def test_each_view_opens_on_whatever_there_is(kept: bool) -> None:
    finished(kept=kept)
    for tab in (
        "Where they disagree",
        "What moved",
        "What it sees",
        "What it forgot",
        "Watched sentences",
        "Why",
    ):
        app = page(experiment="one", tab=tab)
        assert not app.exception and not app.error


def test_any_runs_are_compared_and_what_differs_is_noted() -> None:
    one = fake_results.record(result("full", 900))
    two = fake_results.record(result("last-layer", 700, limit=2000))
    app = page(runs=f"{one},{two}")
    assert not app.exception
    assert "training texts (all, 2,000)" in app.warning[0].value.replace("\\", "")
    assert verdict(app).startswith("Full is the most accurate") and "2 runs compared" in said(app)


def test_runs_page_leads_here() -> None:
    one, two = (fake_results.record(result(mode)) for mode in ("full", "gradual"))
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    app.query_params["runs"] = f"{one},{two}"
    app = press(app.switch_page("runs.py").run(), "Compare")
    assert not app.exception and "2 runs compared" in said(app)


def test_home_leads_here() -> None:
    app = press(AppTest.from_file(str(MAIN), default_timeout=60).run(), "Compare the modes")
    assert app.title[0].value == "Compare"


@pytest.mark.parametrize("query", [{"experiment": "gone"}, {"runs": "gone,too"}])
def test_what_is_not_there_is_one_sentence_with_a_way_on(query: dict[str, str]) -> None:
    app = page(**query)
    assert not app.exception and "There is no" in app.error[0].value
    assert app.get("page_link")


def test_when_nothing_came_to_its_end_it_says_so() -> None:
    fake_results.record(result("full", status="failed"), "one")
    app = page(experiment="one")
    assert not app.exception and "nothing to compare" in verdict(app) and not app.table


@pytest.mark.parametrize(
    ("status", "phase", "share", "told"),
    [
        ("queued", "waiting", 0.0, "waiting"),
        ("running", "training", 0.5, "training 50%"),
        ("running", "evaluating", 0.5, "training 50%"),
        ("running", "reading", 0.5, "reading"),
        ("finished", "done", 1.0, "done in 25 s"),
        ("stopped", "done", 0.5, "stopped"),
    ],
)
def test_progress_is_by_steps(status: str, phase: str, share: float, told: str) -> None:
    run = SimpleNamespace(
        status=status, phase=phase, phase_done=0.0, facts={"steps": 100}, metrics={"seconds": 25.0}
    )
    history = pd.DataFrame({"step": [0, 50]}) if status != "queued" else pd.DataFrame()
    assert live_comparison.progress(run, history) == (share, told)  # type: ignore[arg-type]


def test_names_in_the_lines_are_text() -> None:
    nasty = [result("full", name="<b>") for _ in range(2)]  # called by their names, being the same
    assert "b" in live_comparison.progress_lines(nasty)
    assert "<b>" not in live_comparison.progress_lines(nasty)


def test_a_seed_that_still_runs_has_a_line_of_its_own() -> None:
    over = [
        result("full", 900, seed, curve=curve)
        for seed, curve in enumerate(((0.5, 0.7), (0.5, 0.9)))
    ]
    live = result("full", 900, 2, status="running")
    found = run_curves.by_side([*over, live, result("majority", 500)])
    assert [one.label for one in found] == ["Full", "Full, seed 2", "Majority class"]
    val = found[0].history.query("split == 'val'")
    assert val["accuracy"].tolist() == pytest.approx([0.5, 0.8])
    assert val["accuracy_low"].tolist() == [0.5, 0.7]
    assert val["accuracy_high"].tolist() == [0.5, 0.9]
    assert "accuracy_low" not in found[1].history


@pytest.mark.parametrize("axis", AXES)
def test_the_axis_reaches_as_far_as_the_runs_will(axis: str) -> None:
    facts = {"steps": 40, "steps_per_epoch": 10, "train_texts": 320}
    run = SimpleNamespace(facts=facts, config=SimpleNamespace(epochs=4))
    expected = {"step": 40, "epoch": 4, "seconds": None, "examples": 1280}[axis]
    assert live_comparison.axis_end([SimpleNamespace(run=run)], axis) == expected  # type: ignore[list-item]
    assert live_comparison.axis_end([], axis) is None


def test_sides_are_marked_in_the_sentence_and_nothing_else_is() -> None:
    sides = comparison.sides([result("full", 900), result("last-layer", 700)])
    found = outcome.parts("Full, not Fuller: 5.2 ± 1.9 points. Last layer took 3 s.", sides)
    assert [text for text, colour in found if colour] == ["Full", "Last layer"]
    assert "".join(text for text, _ in found).count("\xa0") == 4
