"""How many labels: its form, its runs while they train, its chart, its page and its report."""

import math
from dataclasses import replace

import pytest

from ftcore import paths, tracking
from ftcore.experiments import catalog
from ftcore.experiments.learning_curve import analysis
from ftcore.experiments.learning_curve.curves import curves
from pages.components.charts.learning_curve_figure import learning_curve
from pages.components.compare import learning_curve_report, learning_curve_summary
from tests.helpers import fake_results, small_runs
from tests.helpers.app_pages import button, open_page, press, text

FULL, LAST = {50: 550, 100: 700, 200: 790, 400: 840}, {50: 700, 100: 720, 200: 730, 400: 735}
RIGHTS = {"full": FULL, "last-layer": LAST, "tfidf": {50: 600, 400: 780}, "majority": {50: 500}}
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def empty_home(small_checkpoints, monkeypatch):
    """No bundled experiment."""
    monkeypatch.setattr(paths, "BUNDLED_EXPERIMENTS", small_checkpoints / "none")


def found(results):
    return analysis.analyse(results)


def test_the_form_decides_which_runs_are_queued(monkeypatch):
    small_runs.hold_experiments(monkeypatch)
    app = open_page("compare", session={"compare_kind": "learning curve"})
    assert not app.exception
    app.text_input(key="curve_sizes_sample").set_value("20, 40, all").run()
    app.text_input(key="curve_one_seed_from").set_value("all").run()
    app.number_input(key="curve_seeds").set_value(2).run()
    app.toggle(key="compare_references").set_value(False).run()
    assert "**10 runs**" in text(app)
    app = press(app, "Run the experiment")
    assert not app.exception and not app.error
    configs = [tracking.run(run_id).config for run_id in tracking.runs()["run_id"].iloc[::-1]]
    modes = ("full", "last-layer")
    first = [(mode, size, 0) for size in (20, 40, 0) for mode in modes]
    expected = first + [(mode, size, 1) for size in (20, 40) for mode in modes]
    assert [(config.mode, config.limit, config.seed) for config in configs] == expected
    assert "20, 40, all training texts" in text(app) and "0 of 10 runs done" in text(app)
    assert catalog.experiments()["kind"].tolist() == ["learning curve"]


def test_impossible_sizes_are_refused_when_the_experiment_is_started():
    app = open_page("compare", session={"compare_kind": "learning curve"})
    app.text_input(key="curve_sizes_sample").set_value("20, many").run()
    app = press(app, "Run the experiment")
    assert "whole number" in app.error[0].value and tracking.runs().empty


def test_a_curve_grows_while_runs_train():
    for result in fake_results.learning_curve({"full": {50: 800}, "last-layer": {50: 700}}, [0]):
        fake_results.record(result, "one", "Labels")
    for status, limit in (("running", 100), ("queued", 200)):
        fake_results.record(fake_results.result(status=status, limit=limit), "one", "Labels")
    app = open_page("compare", experiment="one")
    assert not app.exception and not app.error and not app.warning
    assert "2 of 4 runs done" in text(app) and "training 50%" in text(app)
    assert len(app.get("bidi_component")) == 1


def test_the_training_on_a_number_of_texts_can_be_replayed_also_of_an_export(tmp_path, monkeypatch):
    rights = {mode: {100: 800, 400: 900} for mode in ("full", "scratch")}
    for result in fake_results.learning_curve(rights, [0]):
        fake_results.record(result, "one", "Labels")
    catalog.export("one", tmp_path / "bundled" / catalog.LEADING)
    monkeypatch.setattr(paths, "BUNDLED_EXPERIMENTS", tmp_path / "bundled")
    for experiment in ("one", catalog.LEADING):
        app = open_page("compare", experiment=experiment)
        [sizes] = [each for each in app.get("button_group") if "Replay" in each.label]
        before = len(app.get("bidi_component"))
        assert [option.content for option in sizes.proto.options] == ["100 texts", "400 texts"]
        sizes.set_value(400).run()
        assert not app.exception and len(app.get("bidi_component")) == before + 1


def test_a_finished_curve_shows_its_sentence_its_chart_and_a_table():
    rights = {mode: {size: FULL[size] for size in (100, 400)} for mode in ("full", "scratch")}
    for result in fake_results.learning_curve(rights, [0]):
        fake_results.record(result, "one", "Labels")
    app = open_page("compare")
    assert button(app, "Labels").proto.icon == ":material/show_chart:"
    app = press(app, "Labels")
    assert not app.exception and not app.error and not app.warning
    assert "too close to tell apart" in text(app).replace("</span>", "")
    assert list(app.table[0].value.columns) == ["Mode", "100", "400"]
    assert {button.label for button in app.get("download_button")} == {"Report", "Points"}


def test_the_chart_has_a_line_a_mode_its_bands_and_the_forecast():
    results = fake_results.learning_curve(RIGHTS)
    fig = learning_curve_summary.figures(found(results), results)["accuracy"]
    lines = {trace.name: trace for trace in fig.data if trace.showlegend is None and trace.name}
    assert list(lines) == ["Full", "Last layer", "TF-IDF"]
    assert list(lines["Full"].x) == list(FULL)
    assert lines["Full"].y[-1] == pytest.approx(0.84)
    assert (lines["Full"].line.dash, lines["TF-IDF"].line.dash) == (None, "dash")
    forecast = [trace for trace in fig.data if trace.line.dash == "dot"]
    assert [trace.x[-1] for trace in forecast] == pytest.approx([800, 800])
    bands = [trace for trace in fig.data if trace.fill == "toself"]
    assert len(bands) == 4  # of two networks and their forecasts
    low, high = fig.layout.yaxis.range
    assert 0.4 < low < 0.5 and 0.84 < high < 1
    axis = fig.layout.xaxis
    assert axis.type == "log" and axis.range[1] > math.log10(800)
    assert list(axis.ticktext) == ["50", "100", "200", "400", "800"]
    texts = [annotation.text for annotation in fig.layout.annotations]
    assert "Majority class 50.0%" in texts and any(each.endswith(" texts") for each in texts)


def test_a_forecast_that_failed_its_check_is_not_drawn():
    breaks = {"full": {50: 600, 100: 610, 200: 620, 400: 980}}
    results = fake_results.learning_curve(breaks)
    fig = learning_curve_summary.figures(found(results), results)["accuracy"]
    assert not [trace for trace in fig.data if trace.line.dash == "dot"]


def test_macro_f1_has_a_chart_of_its_own_and_leads_where_the_best_models_were_kept_by_it():
    results = fake_results.learning_curve({"full": FULL})
    chosen = [
        replace(each, run=replace(each.run, facts=each.run.facts | {"best_by": "macro-f1"}))
        for each in results
    ]
    charts = learning_curve_summary.figures(found(results), results)
    assert list(charts) == ["accuracy", "macro-f1"]
    charts = learning_curve_summary.figures(found(chosen), chosen)
    assert list(charts) == ["macro-f1", "accuracy"]
    assert charts["macro-f1"].layout.yaxis.title.text == "Macro F1"
    unknown = [replace(each, diagnostics=None) for each in results]
    assert list(learning_curve_summary.figures(found(unknown), unknown)) == ["accuracy"]


def test_names_of_curves_are_escaped_in_chart_and_report():
    results = fake_results.learning_curve({"full": {50: 500, 100: 600}}, [0])
    bad = [
        replace(each, run=replace(each.run, experiment_name=SCRIPT, name=SCRIPT))
        for each in results
    ]
    document = learning_curve_report.html(bad).decode()
    assert SCRIPT not in document and "learning-curve" in document
    assert "With 100 texts Full reaches" in document and "59.9%" in document
    lines = learning_curve_report.csv(results).decode().splitlines()
    assert lines[0].startswith("mode,size,seed,test_accuracy,") and len(lines) == 3


def test_curves_of_no_finished_run_are_empty():
    assert not learning_curve(curves([fake_results.result(status="failed")])).data
    document = learning_curve_report.html([fake_results.result(status="failed", limit=50)])
    assert b"No network finished" in document
