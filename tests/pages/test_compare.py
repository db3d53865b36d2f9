"""Compare: its form, what it queues, runs while they train, and the results of finished ones."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ftcore import formatting, paths, tracking
from ftcore.events import drain
from ftcore.exchange.huggingface import import_encoder
from ftcore.experiments import comparison
from ftcore.modes import REFERENCES, mode_defaults
from ftcore.runs.scheduler import scheduler
from pages.components.charts import run_curves
from pages.components.charts.live_chart import AXES
from pages.components.charts.palette import mode_badge
from pages.components.compare import summary
from pages.components.runs import live_comparison
from tests.helpers import fake_results, small_encoders, small_runs
from tests.helpers.app_pages import button, chart_header, open_page, press, text
from tests.helpers.fake_results import result

MODES = ["full", "last-layer", "gradual", "scratch", *REFERENCES]


@pytest.fixture(autouse=True)
def empty_home(small_checkpoints, monkeypatch):
    """No bundled experiment."""
    monkeypatch.setattr(paths, "BUNDLED_EXPERIMENTS", small_checkpoints / "none")


def record(mode: str = "full", *args: object, **more: object) -> str:
    """Record a run of the experiment `one`; its id."""
    return fake_results.record(result(mode, *args, **more), "one", "My experiment")  # type: ignore[arg-type]


def record_finished(**more: object) -> None:
    for mode, right, seconds in (("full", 931, 19), ("last-layer", 660, 3), ("scratch", 900, 19)):
        record(mode, right, seconds=seconds, **more)
    record("tfidf", 860, seconds=2)


def verdict(app: AppTest) -> str:
    parts = chart_header(app)["story"]["verdict"]
    return "".join(part for part, _ in parts).replace("\xa0", " ")


def run_labels(app: AppTest) -> list[str]:
    return [run["label"] for run in chart_header(app)["runs"]]


def test_one_click_queues_an_experiment_with_the_defaults(monkeypatch):
    small_runs.hold_experiments(monkeypatch)
    app = open_page("compare")
    assert not app.exception and app.title[0].value == "Compare"
    assert f"**{len(MODES)} runs**, 3 of them for reference lines" in text(app)
    assert re.search(r"About \d+ (s|min) on this machine", text(app))
    app = press(app, "Run the experiment")
    assert not app.exception and not app.error
    runs = tracking.runs().iloc[::-1]
    assert list(runs["mode"]) == MODES and len(set(runs["experiment"])) == 1
    experiment = app.query_params["experiment"]
    assert runs["experiment"].iloc[0] in (experiment, *experiment)
    watched = tracking.run(runs["run_id"].iloc[0]).config.watched
    assert len(watched) == 3 and "dull film" in watched[0]
    assert text(app).count(">waiting<") == len(MODES) and "4 modes" in text(app)


def test_the_form_decides_which_runs_are_queued(monkeypatch):
    small_runs.hold_experiments(monkeypatch)
    app = open_page("compare", session={"compare_more": True})
    app.get("button_group")[1].set_value(["full", "custom"]).run()
    for name, value in (("seeds", 2), ("epochs_4", 3), ("rate_custom", 0.005)):
        app.number_input(key=f"compare_{name}").set_value(value).run()
    app.session_state["compare_more"] = False
    app.toggle(key="compare_references").set_value(False).run()
    assert "**4 runs**" in text(app) and "compare_rate_custom" not in [
        each.key for each in app.number_input
    ]
    app = press(app, "Run the experiment")
    configs = [tracking.run(run_id).config for run_id in tracking.runs()["run_id"].iloc[::-1]]
    rate = mode_defaults("full").learning_rate
    expected = [(mode, seed) for seed in (0, 1) for mode in (("full", rate), ("custom", 0.005))]
    runs = [((config.mode, config.learning_rate), config.seed) for config in configs]
    assert runs == expected
    assert {config.epochs for config in configs} == {3} and configs[1].groups == "head"
    assert "Full, seed 1" in text(app) and "2 seeds" in text(app)


def test_an_encoder_gets_rates_of_its_own_and_any_number_of_groups(monkeypatch, tmp_path):
    small_runs.hold_experiments(monkeypatch)
    folder = small_encoders.write_folder(tmp_path / "small", max_position_embeddings=256)
    drain(import_encoder(str(folder)))
    app = open_page("compare")
    app.selectbox(key="setting_checkpoint").set_value("small").run()
    app.get("button_group")[1].set_value(["full", "last-2"]).run()
    app.slider(key="last_groups").set_value(4).run()
    app.toggle(key="compare_references").set_value(False).run()
    app = press(app, "Run the experiment")
    assert not app.exception and not app.error
    configs = [tracking.run(run_id).config for run_id in tracking.runs()["run_id"].iloc[::-1]]
    rates = [
        (mode, mode_defaults(mode, "small encoder").learning_rate) for mode in ("full", "last-4")
    ]
    assert [(config.mode, config.learning_rate) for config in configs] == rates


def test_missing_data_or_a_single_mode_is_reported_before_anything_is_queued():
    app = open_page("compare")
    app.selectbox(key="setting_dataset").set_value("imdb").run()
    app.text_input(key="setting_source").set_value("/nowhere/aclImdb").run()
    app = press(app, "Run the experiment")
    assert "/nowhere/aclImdb" in app.error[0].value and tracking.runs().empty
    app.get("button_group")[1].set_value(["full"]).run()
    assert "two modes" in app.info[0].value and button(app, "Run the experiment").disabled


def test_earlier_experiments_are_a_click_away():
    record_finished()
    fake_results.record(result("full", status="queued"), "two", "*Another*")
    assert button(open_page("compare"), "\\*Another\\*")
    app = press(open_page("compare"), "My experiment")
    assert app.query_params["experiment"] == "one"
    assert verdict(app).startswith("Full is the most accurate")


def test_a_race_has_a_line_for_each_run_with_its_progress():
    record("full", seconds=12)
    record("last-layer", status="running")
    record("gradual", status="queued")
    app = open_page("compare", experiment="one")
    assert not app.exception
    lines = re.sub(r"<[^>]*>", " ", text(app))
    assert re.search(r"Full\s+done in 17 s", lines) and re.search(r"Gradual\s+waiting", lines)
    assert re.search(r"Last layer\s+training 50%", lines)
    assert run_labels(app) == ["Full", "Last layer"]
    assert chart_header(app)["axis"] == "Step" and "story" not in chart_header(app)


@pytest.mark.parametrize(
    ("label", "action", "states"),
    [
        ("Stop all", "stop", ["queued", "running"]),
        ("Pause", "pause", ["queued", "running"]),
        ("Resume", "resume", ["interrupted", "paused"]),
    ],
)
def test_a_button_reaches_all_runs_in_a_safe_order(monkeypatch, label, action, states):
    """Waiting runs are stopped first, so that none of them starts; runs are resumed in their order."""
    record("full")
    order = states if action == "resume" else states[::-1]
    ids = {state: record(mode, status=state) for mode, state in zip(MODES[1:], order, strict=False)}
    reached: list[str] = []
    monkeypatch.setattr(scheduler, action, lambda *run_ids, **_: reached.extend(run_ids))
    app = press(open_page("compare", experiment="one"), label)
    assert reached == [ids[state] for state in states] and not app.exception


def test_a_run_of_another_process_cannot_be_stopped_here():
    record("full", status="running")
    app = press(open_page("compare", experiment="one"), "Stop all")
    assert "stop it there" in app.error[0].value


def test_ten_tabs_read_the_record_once_a_second(monkeypatch):
    run_id = record("full", status="running")
    reads: list[str] = []
    read = tracking.run
    monkeypatch.setattr(tracking, "run", lambda run_id: reads.append(run_id) or read(run_id))
    snapshots = [live_comparison.live_view((run_id,), "step") for _ in range(10)]
    assert reads == [run_id] and len({snapshot.curves for snapshot in snapshots}) == 1


def test_a_finished_experiment_shows_verdict_and_table():
    record_finished()
    app = open_page("compare", experiment="one")
    assert not app.exception and not app.error and not app.warning
    sentence = "Full is the most accurate: 93.1% of 1,000 synthetic test texts, 3.1 ± "
    assert verdict(app).startswith(sentence)
    story = chart_header(app)["story"]
    assert ["Full", "#2563EB"] in story["verdict"] and story["further"][0].startswith("Pretraining")
    assert "My experiment" in text(app)
    table = app.table[0].value
    assert list(table["Mode"])[1:3] == [
        mode_badge("last-layer", "Last layer"),
        mode_badge("scratch", "From scratch"),
    ]
    full, tfidf = table.iloc[0], table.iloc[3]
    assert full["Test accuracy"] == "**93.1%**\xa0±\xa01.6" and full["Training"] == "19 s"
    assert full["88% after"] == "19 s" and full["Trained parameters"] == "3,081,658 (all)"
    assert tfidf["Trained parameters"] == formatting.MISSING and "Seeds" not in table


def test_several_seeds_show_their_spread_and_a_band():
    for seed, right in enumerate((900, 930, 910)):
        record("full", right, seed)
        record("last-layer", right - 200, seed)
    app = open_page("compare", experiment="one")
    table = app.table[0].value
    assert list(table["Seeds"]) == ["3", "3"] and table["From seed to seed"][0] == "± 3.8"
    assert run_labels(app) == ["Full", "Last layer"]
    assert "low" in chart_header(app)["curves"][0]["parts"]


def test_watched_sentences_are_replayed_by_the_clock_of_the_curves():
    for seed in (0, 1):
        for mode, seconds in (("last-layer", 5), ("full", 20)):
            record(mode, seed=seed, seconds=seconds, watch="A <b>fine</b> film.")
    header = chart_header(open_page("compare", experiment="one", by="Seconds"))
    [chart] = header["story"]["watched"]
    assert chart["title"] == "positive: “A <b>fine</b> film.”"  # drawn as text
    ends = {header["runs"][curve["run"]]["label"]: curve["t"] for curve in chart["curves"]}
    assert ends == {"Full": [0, 20], "Last layer": [0, 5]}
    assert all(curve["x"] == curve["t"] and curve["y"] == [0.2, 0.9] for curve in chart["curves"])


def test_any_runs_are_compared_and_unfair_differences_are_noted():
    full = fake_results.record(result("full", 900))
    last_layer = fake_results.record(result("last-layer", 700, limit=2000))
    app = open_page("compare", runs=f"{full},{last_layer}")
    assert not app.exception
    assert "training texts (all, 2,000)" in app.warning[0].value.replace("\\", "")
    assert verdict(app).startswith("Full is the most accurate") and "2 runs compared" in text(app)


@pytest.mark.parametrize("query", [{"experiment": "gone"}, {"runs": "gone,too"}])
def test_unknown_ids_are_reported_with_a_link_to_the_form(query):
    app = open_page("compare", **query)
    assert not app.exception and "There is no" in app.error[0].value and app.get("page_link")


def test_an_experiment_without_finished_runs_has_no_table():
    record("full", status="failed")
    app = open_page("compare", experiment="one")
    assert not app.exception and "nothing to compare" in verdict(app) and not app.table


def test_progress_counts_steps():
    history = pd.DataFrame({"step": [0, 50]})  # of 100
    states = {("running", "evaluating"): "training 50%", ("running", "reading"): "reading"}
    for (status, phase), state in (states | {("stopped", "done"): "stopped"}).items():
        run = replace(result().run, status=status, phase=phase)
        assert live_comparison.progress(run, history) == (0.5, state)


def test_names_in_the_lines_of_a_race_are_escaped():
    run = replace(result("full").run, name="<b>")  # shown, as both are the same otherwise
    lanes = live_comparison.progress_lines([replace(result("full"), run=run) for _ in range(2)])
    assert "&lt;b&gt;" in lanes and "<b>" not in lanes


def test_a_seed_that_still_trains_has_its_own_curve():
    finished = [result(seed=seed, curve=(0.5, end)) for seed, end in ((0, 0.7), (1, 0.9))]
    live = result("full", 900, 2, status="running")
    traces = run_curves.by_side([*finished, live, result("majority", 500)])
    assert [trace.label for trace in traces] == ["Full", "Full, seed 2", "Majority class"]
    val = traces[0].history.query("split == 'val'")
    columns = val[["accuracy", "accuracy_low", "accuracy_high"]].to_numpy()
    assert columns == pytest.approx(np.array([[0.5, 0.5, 0.5], [0.8, 0.7, 0.9]]))
    assert "accuracy_low" not in traces[1].history


def test_the_axis_of_a_race_reaches_the_last_step():
    facts = {"steps": 40, "steps_per_epoch": 10, "train_texts": 320}
    unfinished = replace(result(), run=replace(result(epochs=4).run, facts=facts))
    ends = {axis: live_comparison.axis_end([unfinished], axis) for axis in AXES}
    assert ends == {"step": 40, "epoch": 4, "seconds": None, "examples": 1280}


def test_only_names_of_sides_are_coloured_in_the_verdict():
    sides = comparison.sides([result("full", 900), result("last-layer", 700)])
    sentence = "Full, not Fuller: 5.2 ± 1.9 points. Last layer took 3 s."
    parts = summary.coloured_parts(sentence, sides)
    assert [part for part, colour in parts if colour] == ["Full", "Last layer"]
    assert "".join(part for part, _ in parts).count("\xa0") == 4
