"""The still charts: what they show, that names are escaped, and that 25,000 texts stay fast."""

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, strategies as st

from ftcore.active_learning.curve import Point
from ftcore.colours import class_colours
from ftcore.experiments.comparison import Side, average, sides
from ftcore.inference import temperature
from ftcore.inference.calibration_measures import by_threshold
from pages.components.charts import (
    answers_figure,
    calibration_figures,
    curve_figures,
    diagnostics_figures,
    matrix_figures,
)
from pages.components.charts.arms_figure import arms_figure
from pages.components.charts.balance_figure import class_balance
from pages.components.charts.label_placement import LINE, Marker, place_labels
from pages.components.charts.tradeoff_figure import diameter, tradeoff
from pages.components.compare.predictions import DIFFERENT, RunPredictions, texts_in_cell
from tests.helpers import fake_results

BAD = "<script>alert(1)</script>"
NETWORKS = ["Full", "Last layer", "Gradual", "From scratch"]


def by_name(fig: go.Figure) -> dict[str, go.Scatter]:
    return {trace.name: trace for trace in fig.data if trace.name}


def networks() -> list[Side]:
    return [side for side in sides(fake_results.experiment()) if not side.is_reference]


def predictions(mode: str = "full", **more: Any) -> RunPredictions:
    return RunPredictions(mode, fake_results.full_result(mode, **more))


def test_tradeoff_has_a_marker_for_each_side_with_its_interval_and_seeds():
    results = fake_results.experiment(seeds=(0, 1))
    fig = tradeoff(results)
    assert set(by_name(fig)) == set(NETWORKS)
    full = next(side for side in sides(results) if side.mode == "full")
    marker = by_name(fig)["Full"]
    assert (marker.x[0], marker.y[0]) == (full.train_seconds, full.test_accuracy)
    below, above = marker.error_y.arrayminus[0], marker.error_y.array[0]
    interval = full.test_accuracy - below, full.test_accuracy + above
    assert interval == pytest.approx(full.interval)
    seeds = next(trace for trace in fig.data if trace.text is not None and "Full" in trace.text[0])
    assert list(seeds.x) == [60.0, 63.0] and seeds.marker.opacity < 0.5


def test_references_are_level_lines_with_their_accuracy():
    results = fake_results.experiment()
    fig = tradeoff(results)
    references = [side for side in sides(results) if side.is_reference]
    accuracy = {side.label: side.test_accuracy for side in [*references, average(sides(results))]}
    assert len(accuracy) == len(references) + 1
    assert {shape.y0 for shape in fig.layout.shapes} == set(accuracy.values())
    names = {each.text: each.x for each in fig.layout.annotations if each.xref == "paper"}
    assert f"TF-IDF {accuracy['TF-IDF']:.1%}" in names and len(names) == len(accuracy)
    assert {*names.values()} == {0}  # where few markers are: the best modes take long


@pytest.mark.parametrize(
    ("modes", "kind"), [(("full", "last-layer"), "log"), (("full", "gradual"), "linear")]
)
def test_the_time_axis_is_logarithmic_for_a_wide_range(modes, kind):
    axis = tradeoff(fake_results.experiment(modes)).layout.xaxis
    assert axis.type == kind and ("log scale" in axis.title.text) == (kind == "log")
    at = [math.log10(tick) if kind == "log" else tick for tick in axis.tickvals]
    assert 2 <= len(at) <= 8 and axis.range[0] <= min(at) and max(at) <= axis.range[1]


def test_ten_times_the_parameters_add_the_same_area_to_a_marker():
    areas = [diameter(10**power) ** 2 for power in range(2, 8)]
    assert np.diff(areas) == pytest.approx(areas[1] - areas[0]) and diameter(0) == diameter(100)


def test_tradeoff_of_unfinished_runs_is_empty():
    result = fake_results.full_result()
    running = replace(result, run=replace(result.run, status="running"))
    assert not tradeoff([running]).data


def test_labels_of_close_markers_do_not_overlap():
    heights = {"Full": 200, "Gradual": 196, "Scratch": 190}
    markers = [Marker(label, 250, y, 13) for label, y in heights.items()]
    anchors = place_labels(markers, [(0, 100, 180, 180 + LINE)], 300)
    assert len({(anchor["xanchor"], anchor["yanchor"]) for anchor in anchors}) == 3


def test_curves_have_a_band_over_seeds_and_dashed_references():
    results = fake_results.experiment(seeds=(0, 1, 2))
    single = curve_figures.curves(fake_results.experiment(), "accuracy", "seconds")
    fig = curve_figures.curves(results, "accuracy", "seconds")
    for drawn, bands in ((single, 0), (fig, 4)):
        assert len([trace for trace in drawn.data if trace.fill == "toself"]) == bands
        assert ("band" in drawn.layout.title.subtitle.text) == bool(bands)
    legend = {trace.name: trace for trace in fig.data if trace.showlegend}
    assert legend["TF-IDF"].line.dash == "dash" and legend["Full"].line.dash is None
    full = [result.history for result in results if result.run.config.mode == "full"]
    last = [rows[rows["split"] == "val"]["accuracy"].iloc[-1] for rows in full]
    assert legend["Full"].y[-1] == pytest.approx(np.mean(last))


def test_a_watched_sentence_is_a_line_for_each_side_within_its_band():
    results = fake_results.experiment(seeds=(0, 1))
    fig = curve_figures.watched_sentence(results, 1, 0, "seconds")
    assert "&lt;b&gt;bad&lt;/b&gt;" in fig.layout.title.text
    assert list(by_name(fig)) == NETWORKS and fig.layout.yaxis.title.text == "negative"
    full = [result.watched for result in results if result.run.config.mode == "full"]
    rows = [table.query("sentence == 1 and label == 0")["probability"] for table in full]
    assert by_name(fig)["Full"].y == pytest.approx(np.mean(rows, axis=0))
    band = next(trace for trace in fig.data if trace.fill)
    assert band.y == pytest.approx(np.r_[np.max(rows, axis=0), np.min(rows, axis=0)[::-1]])


def test_weight_changes_are_a_column_for_each_mode_and_zero_is_frozen():
    result = fake_results.full_result()
    assert result.diagnostics is not None
    tiny = replace(result.diagnostics, moved={"head": 0.5, "word vectors": 0.0002})
    fig = diagnostics_figures.weight_changes(sides([replace(result, diagnostics=tiny)]))
    assert fig is not None and [row[0] for row in fig.data[0].text] == ["50%", "&lt; 0.1%"]
    run = replace(result.run, metrics=result.run.metrics | {"best_step": 0.0})
    start = replace(result, run=run, diagnostics=replace(tiny, moved={"head": 0.5, "layer 1": 0.0}))
    fig = diagnostics_figures.weight_changes(sides([start]))
    assert fig is not None and [row[0] for row in fig.data[0].text] == ["50%", "0%"]
    fig = diagnostics_figures.weight_changes(networks())
    assert fig is not None
    names = ["Full", "Last<br>layer", "Gradual", "From<br>scratch"]
    assert list(fig.layout.xaxis.ticktext) == names
    columns = {trace.x[0]: [row[0] for row in trace.text] for trace in fig.data}
    assert columns[0] == ["160%", "35%", "21%", "4.0%"]
    assert columns[1] == ["160%", "frozen", "frozen", "frozen"]
    shades = [row[0] for row in fig.data[0].z]
    assert shades == sorted(shades, reverse=True) and shades[0] == 1 and fig.data[1].z[1][0] == 0


def test_forgetting_is_drawn_for_sides_where_it_was_measured():
    fig = diagnostics_figures.forgetting(networks())
    assert fig is not None and "AG News" in fig.layout.title.text
    rows = {trace.y[0] for trace in fig.data}
    assert "<b>Full</b><br>88.4% → 51.2%" in rows and len(rows) == 3  # not from scratch


def test_the_map_shows_each_text_once_on_both_sides_and_escaped():
    look = predictions(texts=3000).diagnostics
    texts = [f"{BAD} {row} " + "word " * 100 for row in range(3000)]
    fig = diagnostics_figures.text_map(look, texts, "it")
    before = [trace for trace in fig.data if trace.xaxis == "x"]
    assert all(trace.type == "scattergl" for trace in fig.data)
    numbers = np.concatenate([trace.customdata[:, 0] for trace in before]).astype(int)
    assert sorted(numbers) == list(range(2000)) and sum(len(trace.x) for trace in before) == 2000
    content = fig.to_json()
    assert "<script" not in content and "&lt;script" in content.replace("\\u0026", "&")
    assert max(len(line) for trace in before for line in trace.text[0].split("<br>")) < 100


@given(st.integers(2, 5), st.integers(0, 200), st.integers(0, 9))
def test_count_pairs_counts_every_pair(classes, texts, seed):
    truth, predicted = np.random.default_rng(seed).integers(classes, size=(2, texts))
    expected = np.zeros((classes, classes), int)
    np.add.at(expected, (truth, predicted), 1)
    assert (matrix_figures.count_pairs(truth, predicted, classes) == expected).all()


def test_names_and_labels_in_matrices_are_escaped():
    run = predictions(labels=(BAD, "b"))
    confusion = matrix_figures.confusion(run.diagnostics, BAD, "#112233", (0, 1))
    assert confusion.layout.yaxis.ticktext[0] == "is &lt;script&gt;alert(1)&lt;/scrip…"
    assert "<script" not in confusion.layout.title.text
    agreement = matrix_figures.agreement(run.correct, ~run.correct, (BAD, "b"), "#112233")
    assert "<script" not in agreement.to_json().replace("\\u003c", "<")


@pytest.mark.parametrize("pair", [False, True])
def test_texts_in_a_cell_are_those_it_counts_the_most_confident_first(pair):
    first, other = predictions("full"), predictions("last-layer")
    second = other if pair else None
    rows = ~first.correct if pair else first.diagnostics.truth
    columns = ~other.correct if pair else first.predicted
    for row, column in np.ndindex(2, 2):
        texts = texts_in_cell(first, second, f"{row}-{column}")
        expected = np.flatnonzero((rows == row) & (columns == column))
        assert sorted(texts) == list(expected)
        confidence = first.confidence[texts] + (other.confidence[texts] if pair else 0)
        assert (np.diff(confidence) <= 0).all()
    different = first.predicted != (other.predicted if pair else first.diagnostics.truth)
    assert set(texts_in_cell(first, second, DIFFERENT)) == set(np.flatnonzero(different))


def test_figures_of_25000_texts_take_less_than_a_second_each():
    results = fake_results.experiment(texts=25_000)
    first, second = (RunPredictions(result.run.name, result) for result in results[:2])
    pair, look = (first.correct, second.correct, ("a", "b")), first.diagnostics
    texts = ["a long review, " * 80] * 25_000
    figures = {
        "trade-off": lambda: tradeoff(results),
        "map": lambda: diagnostics_figures.text_map(look, texts, "t"),
        "confusion": lambda: matrix_figures.confusion(look, "t", "#112233"),
        "agreement": lambda: matrix_figures.agreement(*pair, "#112233"),
        "cell": lambda: go.Figure(go.Scatter(y=texts_in_cell(first, second, DIFFERENT))),
    }
    for name, draw in figures.items():
        began = time.process_time()  # of this process: others may use the machine
        draw().to_json()
        assert time.process_time() - began < 1, name


MANY = tuple(f"class {number}" for number in range(200))


def test_of_many_classes_the_most_confused_pairs_are_drawn_and_a_click_finds_their_texts():
    run = predictions(labels=MANY, texts=3000)
    wrong = run.diagnostics.truth != run.predicted
    pairs = answers_figure.confused_pairs(run.diagnostics)
    assert sum(pairs.values()) == wrong.sum() and [*pairs.values()] == sorted(pairs.values())[::-1]
    (row, column), count = next(iter(pairs.items()))
    fig = answers_figure.answers(run.diagnostics, "Full", "#112233", (row, column))
    assert len(fig.data[0].x) == answers_figure.MOST_DRAWN and fig.data[0].x[0] == count
    assert fig.layout.yaxis.ticktext[0] == f"is class {row}<br>said class {column}"
    assert fig.layout.height < 800
    cell = answers_figure.cell_of({"x": count, "y": 0, "customdata": fig.data[0].customdata[0]})
    assert len(texts_in_cell(run, None, cell)) == count
    few = answers_figure.answers(predictions().diagnostics, "Full", "#112233")
    assert few.data[0].type == "heatmap"
    assert answers_figure.cell_of({"x": 1, "y": 0, "customdata": None}) == "0-1"


def test_a_map_of_many_classes_has_a_legend_that_can_be_read():
    look = predictions(labels=MANY, texts=600).diagnostics
    fig = diagnostics_figures.text_map(look, ["a text"] * 600, "it")
    legend = [trace.name for trace in fig.data if trace.showlegend]
    assert len(legend) == diagnostics_figures.MAP_CLASSES and legend[-1] == "191 more classes"
    assert sum(len(trace.x) for trace in fig.data if trace.xaxis == "x") == 600
    last = fig.data[-1]
    assert {name for *_, name in last.customdata} <= set(MANY), "a point still names its class"


@pytest.mark.parametrize(("classes", "labelled"), [(2, True), (30, True), (200, False)])
def test_the_balance_of_many_classes_fits_a_page(classes, labelled):
    counts = {f"class {number}": 10 + number for number in range(classes)}
    fig = class_balance(counts, class_colours(list(counts)))
    assert fig.layout.height <= 800
    drawn = fig.data[0].x if labelled else fig.data[0].y
    assert sorted(drawn) == sorted(counts.values())
    assert drawn[0] == max(counts.values()) or classes <= 8


def test_colours_of_classes_differ_far_beyond_the_named_ones():
    colours = class_colours([*MANY[:40], "negative"])
    assert len(set(colours.values())) == 41
    assert all(len(bytes.fromhex(colour[1:])) == 3 for colour in colours.values())


def test_reliability_shows_bins_before_and_after_and_how_far_they_are_off():
    truth = np.array([0, 0, 1, 1])
    before = temperature.reliability(np.array([[0.99, 0.01]] * 4), truth)
    after = temperature.reliability(np.array([[0.6, 0.4]] * 4), truth)
    fig = calibration_figures.reliability(before, after, BAD, "#112233")
    assert "&lt;script" in fig.layout.title.text
    as_given, calibrated = fig.data[1:]
    assert (*as_given.x, *as_given.y) == pytest.approx((0.99, 0.5))
    assert as_given.name == "as the model gives them, off by 49.0%"
    assert calibrated.name == "calibrated, off by 10.0%" and calibrated.customdata == (4,)
    assert [
        each.name for each in calibration_figures.reliability(before, [], "A", "#112233").data
    ] == [
        None,
        as_given.name,
    ]


def test_the_band_of_both_arms_is_an_accuracy():
    points = (Point(10, 40, 0.97, 0.95, 0.3), Point(20, 40, 0.1, 0.2, 0.3))
    band, random, chosen = arms_figure(points).data
    assert (max(band.y), min(band.y)) == (1.0, 0.0)
    assert (tuple(random.y), tuple(chosen.y)) == ((0.95, 0.2), (0.97, 0.1))


def test_accuracy_over_answered_texts_leaves_out_thresholds_that_no_answer_reaches():
    probabilities = np.array([[0.95, 0.05], [0.75, 0.25], [0.4, 0.6]])
    rows = by_threshold(probabilities, np.array([0, 1, 1]))
    [trace] = calibration_figures.answered(rows, "A", "#112233").data
    assert trace.text == ("50%", "60%", "70%", "80%", "90%", "95%")
    assert trace.x == pytest.approx([1, 1, 2 / 3, 1 / 3, 1 / 3, 1 / 3])
    assert trace.y == pytest.approx([2 / 3, 2 / 3, 1 / 2, 1, 1, 1])
