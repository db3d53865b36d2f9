"""The views of what happened inside, through AppTest: choices, texts by the page, and what is missing."""

import json
import re
import shutil
from dataclasses import replace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ftcore import paths
from ftcore.data import datasets
from ftcore.diagnostics import insights
from pages.components.charts import comparison_figures, diagnostics_figures
from pages.components.compare.answers import ANY, Model, cell_texts
from pages.components.compare.memo import kept
from tests.helpers import fake_experiments

TEXTS = [f"review {row} <b>is</b> here" for row in range(400)]


@pytest.fixture(autouse=True)
def texts() -> None:
    """Those of the made-up dataset are there, and no figure is left of another test."""
    keep_texts()
    st.cache_data.clear()


def keep_texts() -> None:
    """As a run on the made-up dataset does."""
    test = datasets.Texts(TEXTS, [0] * len(TEXTS))
    insights.keep_texts(
        datasets.TextDataset(
            "imdb", "Made", fake_experiments.LABELS, test, test, "x", False, "made"
        )
    )


def view(name: str, state: dict[str, str] | None = None, **more: object) -> AppTest:
    """One view of a made-up experiment; `state` is left of a visit to another."""

    def script(name: str, more: dict) -> None:
        from pages.components.compare import diagnostics
        from tests.helpers import fake_experiments

        getattr(diagnostics, name)(fake_experiments.experiment(**more))

    app = AppTest.from_function(script, default_timeout=60, args=(name, more))
    for key, value in (state or {}).items():
        app.session_state[key] = value
    return app.run()


def figures(app: AppTest) -> list[dict]:
    """What the chart components got."""
    return [json.loads(json.loads(one.proto.json)["figure"]) for one in app.get("bidi_component")]


def read(app: AppTest) -> list[int]:
    """Numbers of the reviews that are shown."""
    return [
        int(row) for one in app.get("html") for row in re.findall(r"review (\d+)", one.proto.body)
    ]


def test_the_surest_mistakes_come_first_ten_at_a_time() -> None:
    app = view("disagreements")
    assert not app.exception
    full = Model("Full", fake_experiments.result())
    wrong = cell_texts(full, None, ANY)
    assert read(app) == list(wrong[:10]) and (full.said[wrong] != full.look.truth[wrong]).all()
    assert f"**{len(wrong)} texts**" in app.markdown[0].value
    shown = app.get("html")[0].proto.body
    assert "&lt;b&gt;is&lt;/b&gt;" in shown and "<b>" not in shown
    assert f"{full.sure[wrong[0]]:.1%}" in shown


def test_a_cell_is_chosen_without_a_mouse_and_framed() -> None:
    app = view("disagreements")
    app.button_group(key="inside_cell_truth").set_value("0-1").run()
    expected = cell_texts(Model("Full", fake_experiments.result()), None, "0-1")
    assert read(app) == list(expected[:10])
    frame = figures(app)[0]["layout"]["shapes"][0]
    assert (frame["x0"], frame["y0"]) == (0.5, -0.5)


def test_two_models_against_each_other() -> None:
    app = view("disagreements")
    app.selectbox(key="inside_second").set_value("last-layer-0").run()
    first, second = (
        Model("Full", fake_experiments.result()),
        Model("Last layer", fake_experiments.result("last-layer")),
    )
    assert read(app) == list(cell_texts(first, second, ANY)[:10])
    assert "Last layer" in figures(app)[0]["layout"]["title"]["text"]
    app.button_group(key="inside_cell_pair").set_value("0-1").run()
    there = read(app)
    assert first.right[there].all() and not second.right[there].any()


def test_many_classes_are_chosen_from_a_list() -> None:
    app = view("disagreements", modes=("full",), labels=("a", "b", "c"))
    assert not app.exception and "a, said c" in app.selectbox(key="inside_cell_truth").options


@pytest.mark.parametrize("name", ["sees", "disagreements"])
def test_a_choice_of_another_comparison_is_forgotten(name: str) -> None:
    app = view(name, state={"inside_first": "gone", "inside_second": "gone", "inside_sees": "gone"})
    assert not app.exception and "Full" in figures(app)[0]["layout"]["title"]["text"]


def test_map_names_its_model_and_another_can_be_chosen() -> None:
    app = view("sees", seeds=(0, 1))
    assert figures(app)[0]["layout"]["title"]["text"] == "What Full, seed 0 sees"
    app.button_group(key="inside_sees").set_value("gradual-1").run()
    assert figures(app)[0]["layout"]["title"]["text"] == "What Gradual, seed 1 sees"


@pytest.mark.parametrize("name", ["sees", "disagreements"])
def test_texts_that_are_gone_are_one_sentence_and_come_back(name: str) -> None:
    view(name)  # figures of it are kept
    shutil.rmtree(paths.cache_dir())  # as when somebody makes room
    app = view(name)
    assert not app.exception and not app.error
    assert "one run on this dataset brings them back" in app.info[0].value.replace("\\", "")
    assert not read(app) and len(figures(app)) == (name == "disagreements")
    if name == "disagreements":  # the rest goes on
        app.selectbox(key="inside_second").set_value("gradual-0").run()
        app.button_group(key="inside_cell_pair").set_value("1-0").run()
        assert not app.exception and "Gradual" in figures(app)[0]["layout"]["title"]["text"]
    keep_texts()
    app.run()
    assert not app.info and figures(app) and (read(app) or name == "sees")


def test_views_that_need_no_texts_stay_without_them() -> None:
    shutil.rmtree(paths.cache_dir())
    for name in ("watched", "moved", "forgot"):
        app = view(name)
        assert not app.exception and not app.info and figures(app)


def test_a_figure_is_drawn_once_for_all_who_look(monkeypatch: pytest.MonkeyPatch) -> None:
    count: list[str] = []
    for place, name in (
        (diagnostics_figures, "moved"),
        (diagnostics_figures, "vectors"),
        (comparison_figures, "watched"),
    ):
        real = getattr(place, name)
        monkeypatch.setattr(
            place, name, lambda *a, name=name, real=real: count.append(name) or real(*a)
        )
    for _ in range(2):
        for name in ("moved", "sees", "watched"):
            assert figures(view(name))
    assert sorted(count) == ["moved", "vectors", *["watched"] * len(fake_experiments.SENTENCES)]


def test_a_run_in_another_state_is_drawn_anew() -> None:
    runs = fake_experiments.experiment(("full", "last-layer"))
    assert kept(runs, ("one",), lambda: 1) == 1
    assert kept(runs, ("one",), lambda: 2) == 1
    assert kept(runs, ("other",), lambda: 2) == 2
    runs[0] = replace(runs[0], run=replace(runs[0].run, status="interrupted"))
    assert kept(runs, ("one",), lambda: 3) == 3


def test_a_chart_for_each_watched_sentence_of_the_class_and_axis_chosen() -> None:
    app = view("watched")
    assert [one["layout"]["title"]["text"] for one in figures(app)] == [
        "“A fine film.”",
        "“Not &lt;b&gt;bad&lt;/b&gt; at all.”",
    ]
    assert figures(app)[0]["layout"]["yaxis"]["title"]["text"] == "positive"
    app.button_group(key="inside_label").set_value(0).run()
    app.button_group(key="inside_over").set_value("seconds").run()
    layout = figures(app)[0]["layout"]
    assert (
        layout["yaxis"]["title"]["text"] == "negative"
        and layout["xaxis"]["title"]["text"] == "Seconds"
    )


@pytest.mark.parametrize("name", ["moved", "forgot"])
def test_figures_of_what_changed(name: str) -> None:
    app = view(name)
    assert not app.exception and not app.info and len(figures(app)) == 1


@pytest.mark.parametrize(
    ("name", "word"), [("moved", "again"), ("sees", "again"), ("disagreements", "again")]
)
def test_what_was_not_looked_at_says_how_to_get_it(name: str, word: str) -> None:
    app = view(name, inside=False)
    assert not app.exception and word in app.info[0].value and not figures(app)


def test_nothing_watched_says_where_to_ask_for_it() -> None:
    app = view("watched", watch="")
    assert not app.exception and "Watched sentences" in app.info[0].value
