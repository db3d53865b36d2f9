"""The views of diagnostics, through AppTest: choices, texts by the page, and what is missing."""

import json
import re
import shutil
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from ftcore import paths
from ftcore.data import datasets
from ftcore.diagnostics import dataset_texts
from pages.components.charts import diagnostics_figures
from pages.components.compare.predictions import DIFFERENT, RunPredictions, texts_in_cell
from pages.components.compare.result_cache import cached
from tests.helpers import fake_results
from tests.helpers.waiting import PATIENCE

TEXTS = [f"review {row} <b>is</b> here" for row in range(400)]
MAP, TABLE = "diagnostics.text_map", "disagreements.disagreements"
CHANGES, WATCHED = "diagnostics.weight_changes", "diagnostics.watched_sentences"


@pytest.fixture(autouse=True)
def texts():
    store_texts()


def store_texts() -> None:
    """Store the test texts, as a run on the fake dataset does."""
    test = datasets.Texts(TEXTS, [0] * len(TEXTS))
    names = "imdb", "Made", fake_results.LABELS
    dataset_texts.store(datasets.TextDataset(*names, test, test, "x", False, "made"))


def view(name: str, state: dict[str, str] | None = None, **more: object) -> AppTest:
    """A view (module.function) of a fake experiment; `state` is left from a visit to another."""

    def script(name: str, more: dict) -> None:
        from importlib import import_module

        from tests.helpers import fake_results

        module, function = name.split(".")
        views = import_module(f"pages.components.compare.{module}")
        getattr(views, function)(fake_results.experiment(**more))

    app = AppTest.from_function(script, default_timeout=PATIENCE, args=(name, more))
    for key, value in (state or {}).items():
        app.session_state[key] = value
    return app.run()


def figures(app: AppTest) -> list[dict]:
    """The figures that the chart components received."""
    data = [json.loads(component.proto.json) for component in app.get("bidi_component")]
    return [json.loads(each["figure"]) for each in data]


def title(app: AppTest, axis: str = "") -> str:
    layout = figures(app)[0]["layout"]
    return (layout[axis] if axis else layout)["title"]["text"]


def rows(app: AppTest) -> list[int]:
    """Rows of the test texts that are shown."""
    shown = "".join(element.proto.body for element in app.get("html"))
    return [int(row) for row in re.findall(r"review (\d+)", shown)]


def predictions(mode: str) -> RunPredictions:
    return RunPredictions(mode, fake_results.full_result(mode))


def test_the_most_confident_mistakes_come_first_ten_at_a_time():
    app = view(TABLE)
    full = predictions("full")
    wrong = texts_in_cell(full, None, DIFFERENT)
    assert rows(app) == list(wrong[:10]) and f"**{len(wrong)} texts**" in app.markdown[0].value
    shown = app.get("html")[0].proto.body
    assert "&lt;b&gt;is&lt;/b&gt;" in shown and "<b>" not in shown
    assert f"{full.confidence[wrong].max():.1%}" in shown
    app.button_group(key="disagreements_truth").set_value("0-1").run()
    assert rows(app) == list(texts_in_cell(full, None, "0-1")[:10])
    frame = figures(app)[0]["layout"]["shapes"][0]
    assert (frame["x0"], frame["y0"]) == (0.5, -0.5)


def test_two_runs_against_each_other():
    app = view(TABLE)
    app.selectbox(key="disagreements_second").set_value("last-layer-0").run()
    first, second = predictions("full"), predictions("last-layer")
    assert "Last layer" in title(app)
    assert rows(app) == list(texts_in_cell(first, second, DIFFERENT)[:10])
    app.button_group(key="disagreements_pair").set_value("0-1").run()
    shown = rows(app)
    assert first.correct[shown].all() and not second.correct[shown].any()


def test_cells_of_many_classes_are_chosen_from_a_list():
    app = view(TABLE, modes=("full",), labels=("a", "b", "c"))
    assert not app.exception and "a, said c" in app.selectbox(key="disagreements_truth").options


@pytest.mark.parametrize("name", [MAP, TABLE])
def test_a_choice_made_in_another_comparison_is_dropped(name):
    keys = ("disagreements_first", "disagreements_second", "text_map_run")
    app = view(name, state=dict.fromkeys(keys, "gone"))
    assert not app.exception and "Full" in title(app)


def test_the_map_names_its_run_and_another_can_be_chosen():
    app = view(MAP, seeds=(0, 1))
    assert title(app) == "What Full, seed 0 sees"
    app.button_group(key="text_map_run").set_value("gradual-1").run()
    assert title(app) == "What Gradual, seed 1 sees"


@pytest.mark.parametrize("name", [MAP, TABLE])
def test_deleted_texts_are_reported_and_come_back(name):
    view(name)  # its figures are cached
    shutil.rmtree(paths.cache_dir())
    app = view(name)
    assert not app.exception and not app.error
    assert "one run on this dataset brings them back" in app.info[0].value.replace("\\", "")
    assert not rows(app) and len(figures(app)) == (name == TABLE)  # which works without texts
    store_texts()
    app.run()
    assert not app.info and figures(app) and (rows(app) or name == MAP)


def test_a_figure_is_drawn_once_for_all_viewers(monkeypatch):
    drawn: list[str] = []
    draw = diagnostics_figures.text_map
    monkeypatch.setattr(
        diagnostics_figures, "text_map", lambda *args: drawn.append(args[-1]) or draw(*args)
    )
    assert figures(view(MAP)) and figures(view(MAP)) and drawn == ["Full"]


def test_results_are_cached_by_key_and_state_of_the_runs():
    runs = [fake_results.full_result()]
    assert [cached(runs, (key,), lambda key=key: key) for key in ("a", "b")] == ["a", "b"]
    interrupted = [replace(runs[0], run=replace(runs[0].run, status="interrupted"))]
    assert cached(runs, ("a",), lambda: "c") == "a"
    assert cached(interrupted, ("a",), lambda: "c") == "c"


def test_watched_sentences_have_a_chart_each_of_the_chosen_class_and_axis():
    app = view(WATCHED)
    assert len(figures(app)) == 2 and title(app) == "“A fine film.”"
    assert title(app, "yaxis") == "positive"
    app.button_group(key="watched_label").set_value(0).run()
    app.button_group(key="watched_axis").set_value("seconds").run()
    assert title(app, "yaxis") == "negative" and title(app, "xaxis") == "Seconds"


@pytest.mark.parametrize("name", [CHANGES, MAP, TABLE, WATCHED])
def test_runs_without_diagnostics_say_how_to_get_them(name):
    app = view(name, inside=False, watch="")
    words = "Enter some" if name == WATCHED else "again"
    assert not app.exception and words in app.info[0].value and not figures(app)
