"""The still charts: what is drawn where, that it is escaped, and that 25,000 texts are no matter."""

import math
import time
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, strategies as st

from ftcore.experiments import comparison
from ftcore.experiments.comparison import sides
from pages.components.charts import comparison_figures, diagnostics_figures
from pages.components.charts.label_placement import LINE, Spot, places
from pages.components.charts.palette import model_colour
from pages.components.compare.answers import ANY, Model, cell_texts
from tests.helpers import fake_experiments

BAD = "<script>alert(1)</script>"


def named(fig: go.Figure) -> dict[str, go.Scatter]:
    """The traces that have a name, by it."""
    return {trace.name: trace for trace in fig.data if trace.name}


def networks(**more: object) -> list[comparison.Side]:
    return [side for side in sides(fake_experiments.experiment(**more)) if not side.is_reference]  # type: ignore[arg-type]


def test_tradeoff_has_a_marker_a_side_at_its_time_and_accuracy() -> None:
    found = fake_experiments.experiment(seeds=(0, 1))
    fig = comparison_figures.tradeoff(found)
    assert set(named(fig)) == {"Full", "Last layer", "Gradual", "From scratch"}
    full = next(side for side in sides(found) if side.mode == "full")
    marker = named(fig)["Full"]
    assert (marker.x[0], marker.y[0]) == (full.train_seconds, full.test_accuracy)
    assert marker.marker.color == model_colour("full")
    low, high = full.interval
    assert full.test_accuracy - marker.error_y.arrayminus[0] == pytest.approx(low)
    assert full.test_accuracy + marker.error_y.array[0] == pytest.approx(high)
    assert low <= full.text_interval[0] and high >= full.text_interval[1]
    faint = [trace for trace in fig.data if trace.text is not None and "Full" in trace.text[0]]
    assert list(faint[0].x) == [60.0, 63.0] and faint[0].marker.opacity < 0.5


def test_references_are_level_lines_with_their_figures() -> None:
    fig = comparison_figures.tradeoff(fake_experiments.experiment())
    reached = {
        side.label: side.test_accuracy
        for side in sides(fake_experiments.experiment())
        if side.is_reference
    }
    assert {shape.y0 for shape in fig.layout.shapes} == set(reached.values())
    texts = [one.text for one in fig.layout.annotations]
    assert f"TF-IDF {reached['TF-IDF']:.1%}" in texts
    bottom, top = fig.layout.yaxis.range
    assert all(bottom < share < top for share in reached.values())


@pytest.mark.parametrize(
    ("modes", "kind"), [(("full", "last-layer"), "log"), (("full", "gradual"), "linear")]
)
def test_seconds_are_logarithmic_where_they_span_much(modes: tuple[str, ...], kind: str) -> None:
    axis = comparison_figures.tradeoff(fake_experiments.experiment(modes)).layout.xaxis
    assert axis.type == kind and ("log scale" in axis.title.text) == (kind == "log")
    at = [math.log10(tick) if kind == "log" else tick for tick in axis.tickvals]
    assert 2 <= len(at) <= 8 and axis.range[0] <= min(at) and max(at) <= axis.range[1]


def test_a_factor_of_ten_in_parameters_adds_the_same_area() -> None:
    areas = [comparison_figures.diameter(10**power) ** 2 for power in range(2, 8)]
    assert np.diff(areas) == pytest.approx(areas[1] - areas[0])
    assert comparison_figures.diameter(0) == comparison_figures.diameter(100) > 8


def test_nothing_to_compare_is_an_empty_chart() -> None:
    running = replace(
        fake_experiments.result(), run=replace(fake_experiments.result().run, status="running")
    )
    assert not comparison_figures.tradeoff([running]).data


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 330)), max_size=6))
def test_names_are_put_where_nothing_is_if_there_is_room(points: list[tuple[float, float]]) -> None:
    spots = [Spot("From scratch", x, y, 12) for x, y in points]
    anchors = places(spots, [], 300)
    assert len(anchors) == len(spots)
    if len(spots) == 1:  # alone: to the right, unless that leaves the plot
        fits = spots[0].x + 12 + 6 + 90 <= 300
        assert (anchors[0]["xanchor"] == "left" and "yshift" not in anchors[0]) or not fits


def test_names_of_markers_that_lie_together_do_not_cover_each_other() -> None:
    spots = [
        Spot(name, 250, y, 13) for name, y in (("Full", 200), ("Gradual", 196), ("Scratch", 190))
    ]
    found = {
        (one["xanchor"], one["yanchor"]) for one in places(spots, [(0, 100, 180, 180 + LINE)], 300)
    }
    assert len(found) == 3


def test_curves_have_a_band_over_seeds_and_dashed_references() -> None:
    one, three = (
        comparison_figures.curves(fake_experiments.experiment(seeds=seeds), "accuracy", "seconds")
        for seeds in ((0,), (0, 1, 2))
    )
    assert (
        not [trace for trace in one.data if trace.fill]
        and "band" not in one.layout.title.subtitle.text
    )
    assert len([trace for trace in three.data if trace.fill == "toself"]) == 4
    legend = {trace.name: trace for trace in three.data if trace.showlegend}
    assert legend["TF-IDF"].line.dash == "dash" and legend["Full"].line.dash is None
    assert legend["Full"].y[-1] == pytest.approx(
        np.mean(
            [
                float(
                    fake_experiments.result("full", seed)
                    .history.query("split == 'val'")["accuracy"]
                    .iloc[-1]
                )
                for seed in (0, 1, 2)
            ]
        )
    )


def test_watched_sentence_is_a_line_a_side_within_its_band() -> None:
    found = fake_experiments.experiment(seeds=(0, 1))
    fig = comparison_figures.watched(found, 1, 0, "seconds")
    assert "&lt;b&gt;bad&lt;/b&gt;" in fig.layout.title.text
    assert list(named(fig)) == ["Full", "Last layer", "Gradual", "From scratch"]
    assert fig.layout.yaxis.title.text == "negative"
    rows = [
        one.watched.query("sentence == 1 and label == 0")
        for one in found
        if one.run.config.mode == "full"
    ]
    mean = np.mean([each["probability"] for each in rows], axis=0)
    assert named(fig)["Full"].y == pytest.approx(mean)
    band = next(trace for trace in fig.data if trace.fill)
    half = len(mean)
    assert (band.y[:half] >= mean - 1e-9).all() and (band.y[half:][::-1] <= mean + 1e-9).all()


def test_moved_is_a_column_a_mode_and_zero_is_frozen() -> None:
    fig = diagnostics_figures.moved(networks())
    assert list(fig.layout.xaxis.ticktext) == [
        "Full",
        "Last<br>layer",
        "Gradual",
        "From<br>scratch",
    ]
    by_mode = {trace.x[0]: [row[0] for row in trace.text] for trace in fig.data}
    assert by_mode[1] == ["160%", "frozen", "frozen", "frozen"]
    assert by_mode[0] == ["160%", "35%", "21%", "4.0%"]
    shade = [row[0] for row in fig.data[0].z]
    assert shade == sorted(shade, reverse=True) and shade[0] == 1 and fig.data[1].z[1][0] == 0


def test_a_change_too_small_to_write_is_not_called_frozen() -> None:
    one = fake_experiments.result()
    assert one.insights is not None
    moves = {"head": 0.5, "word vectors": 0.0002}
    side = sides([replace(one, insights=replace(one.insights, moved=moves))])
    assert [row[0] for row in diagnostics_figures.moved(side).data[0].text] == ["50%", "&lt; 0.1%"]


def test_forgotten_is_drawn_for_those_that_were_asked() -> None:
    found = networks()
    known = [side for side in found if diagnostics_figures.forgotten(side)]
    assert [side.mode for side in found if side not in known] == ["scratch"]
    fig = diagnostics_figures.forgot(known)
    assert "AG News" in fig.layout.title.text
    rows = {trace.y[0] for trace in fig.data}
    assert "<b>Full</b><br>88.4% → 51.2%" in rows and len(rows) == 3


def test_map_shows_each_text_once_a_side_escaped() -> None:
    look = fake_experiments.result(texts=3000).insights
    assert look is not None and len(look.rows) == 2000
    texts = [f"{BAD} {row} " + "word " * 100 for row in look.rows]
    fig = diagnostics_figures.vectors(look, texts, "What it sees")
    before = [trace for trace in fig.data if trace.xaxis == "x"]
    assert sum(len(trace.x) for trace in before) == 2000
    assert all(trace.type == "scattergl" for trace in fig.data)
    numbers = np.concatenate([trace.customdata[:, 0] for trace in before]).astype(int)
    assert sorted(numbers) == list(range(2000))
    shown = fig.to_json()
    assert "<script" not in shown and "&lt;script" in shown.replace("\\u0026", "&")
    assert max(len(line) for trace in before for line in trace.text[0].split("<br>")) < 100


@given(st.integers(2, 5), st.integers(0, 200), st.integers(0, 9))
def test_confusion_counts_every_pair(classes: int, texts: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    truth, said = draw.integers(classes, size=(2, texts))
    counts = diagnostics_figures.confused(truth, said, classes)
    assert counts.sum() == texts
    assert all(
        counts[row, column] == ((truth == row) & (said == column)).sum()
        for row in range(classes)
        for column in range(classes)
    )


def test_names_and_labels_are_escaped() -> None:
    look = fake_experiments.result(labels=(BAD, "b")).insights
    assert look is not None
    one = diagnostics_figures.confusion(look, "t", "#112233", (0, 1))
    assert one.layout.yaxis.ticktext[0] == "is &lt;script&gt;alert(1)&lt;/script&gt;"
    right = look.probabilities.argmax(1) == look.truth
    two = diagnostics_figures.against(right, ~right, (BAD, "b"), "#112233")
    assert "<script" not in two.to_json().replace("\\u003c", "<")


@pytest.mark.parametrize("pair", [False, True])
def test_texts_of_a_cell_are_those_it_counts_the_surest_first(pair: bool) -> None:
    first, other = (Model(mode, fake_experiments.result(mode)) for mode in ("full", "last-layer"))
    second = other if pair else None
    rows = ~first.right if pair else first.look.truth
    columns = ~other.right if pair else first.said
    seen = []
    for cell in ("0-0", "0-1", "1-0", "1-1"):
        found = cell_texts(first, second, cell)
        row, column = map(int, cell.split("-"))
        assert len(found) == ((rows == row) & (columns == column)).sum()
        sure = first.sure[found] + (other.sure[found] if pair else 0)
        assert (np.diff(sure) <= 0).all()
        seen += list(found)
    assert sorted(seen) == list(range(400))
    differ = first.said != (other.said if pair else first.look.truth)
    assert set(cell_texts(first, second, ANY)) == set(np.flatnonzero(differ))


def test_views_of_25000_texts_take_less_than_a_second_each() -> None:
    found = fake_experiments.experiment(texts=25_000)
    look = found[0].insights
    assert look is not None
    first, second = (Model(one.run.name, one) for one in found[:2])
    texts = ["a long review, " * 80] * len(look.rows)
    views = {
        "trade-off": lambda: comparison_figures.tradeoff(found),
        "moved": lambda: diagnostics_figures.moved(networks()),
        "map": lambda: diagnostics_figures.vectors(look, texts, "t"),
        "confusion": lambda: diagnostics_figures.confusion(look, "t", "#112233"),
        "against": lambda: diagnostics_figures.against(
            first.right, second.right, ("a", "b"), "#112233"
        ),
        "cell": lambda: go.Figure(go.Scatter(y=cell_texts(first, second, ANY))),
    }
    for name, view in views.items():
        began = time.process_time()  # of this process: others may have the machine
        view().to_json()
        assert time.process_time() - began < 1, name
