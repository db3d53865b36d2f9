"""Odd addresses and inputs on every page end in a page or an error message. See tests/helpers/fuzzing.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from hypothesis import example, given, strategies
from mlflow.tracking import MlflowClient
from streamlit.testing.v1 import AppTest

from ftcore import paths, tracking
from ftcore.runs import health
from pages.components.shell import warm_imports
from tests.helpers import small_runs
from tests.helpers.app_pages import button, open_page, press
from tests.helpers.fuzzing import ODD_TEXTS, SURROGATE, examples

PAGES = ["home", "train", "compare", "predict", "runs", "checkpoints", "data"]
PARAMETERS = [
    "run",
    "runs",
    "experiment",
    "model",
    "models",
    "dataset",
    "by",
    "tab",
    "axis",
    "embed",
]
# A browser sends no surrogates: Streamlit's server reads the address as UTF-8.
VALUES = [text for text in ODD_TEXTS if text != SURROGATE]
ODD_VALUES = strategies.sampled_from(VALUES)


@pytest.fixture(scope="module")
def known(session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A home with runs in many states, two of them unreadable; their run ids by state."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNFREEZE_HOME", str(home))
        patch.setattr(paths, "BUNDLED_CHECKPOINTS", home / "bundled")
        small_runs.bundled(home / "bundled")
        warm_imports.preload().result()
        runs = {
            status: small_runs.run(status, experiment="one")
            for status in ("finished", "failed", "interrupted")
        }
        runs["queued"] = small_runs.run("queued")
        runs["last"] = small_runs.run(mode="last-layer", experiment="one")
        client = MlflowClient(tracking_uri=paths.tracking_uri())
        for state, tag, value in (("broken", "config", "{"), ("newer", "format", "99")):
            runs[state] = small_runs.run("failed", saved=False, name=state, experiment="one")
            client.set_tag(runs[state], f"unfreeze.{tag}", value)
        yield runs | {"home": str(home)}


@pytest.fixture(autouse=True)
def use_home(known: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNFREEZE_HOME", known["home"])
    st.cache_data.clear()


def open_intact(name: str, **query: str | list[str]) -> AppTest:
    """Open a page and check that it is intact."""
    return intact(open_page(name, **query), name, query)


def intact(app: AppTest, *context: object) -> AppTest:
    """The page, if neither an exception nor a traceback is shown."""
    assert not app.exception, (context, app.exception)
    for element in [*app.error, *app.info, *app.warning, *app.markdown]:
        assert "unexpected" not in element.value, (context, element.value)
        assert "Traceback" not in element.value, (context, element.value)
    return app


@strategies.composite
def addresses(draw: strategies.DrawFn, names: list[str]) -> dict[str, str | list[str]]:
    value = ODD_VALUES | strategies.sampled_from(names)
    joined = strategies.lists(value, min_size=1, max_size=4).map(",".join)
    several = strategies.lists(value, max_size=3)
    parameters = strategies.sampled_from([*PARAMETERS, "nothing"])
    return draw(strategies.dictionaries(parameters, value | joined | several, max_size=3))


@pytest.mark.parametrize("name", PAGES)
@given(data=strategies.data())
@examples(8)
def test_any_address_opens_a_page(
    known: dict[str, str], name: str, data: strategies.DataObject
) -> None:
    names = [*known.values(), "sample", "one", "starter", "sentiment", "imdb", "loss", "step"]
    open_intact(name, **data.draw(addresses(names)))


@pytest.mark.parametrize("name", ["runs", "compare", "predict"])
def test_duplicates_in_an_address_are_ignored(known: dict[str, str], name: str) -> None:
    duplicates = ",".join([known["finished"], known["last"]] * 2)
    open_intact(name, **{"models" if name == "predict" else "runs": duplicates})


@pytest.mark.parametrize("state", ["broken", "newer", "failed", "queued", "interrupted"])
def test_a_run_in_any_state_can_be_opened_listed_compared_and_asked(
    known: dict[str, str], state: str
) -> None:
    run_id = known[state]
    run_ids = f"{run_id},{known['finished']}"
    for app in (open_intact("train", run=run_id), open_intact("compare", runs=run_ids)):
        assert len(app.error) == 1 or state not in ("broken", "newer"), app.error
    open_intact("runs", runs=run_id)
    open_intact("runs", runs=run_ids)
    open_intact("predict", model=run_id)
    open_intact("predict", models=run_ids)


@pytest.mark.parametrize("state", ["broken", "newer"])
def test_an_unreadable_run_is_not_drawn_but_can_be_deleted(
    known: dict[str, str], state: str
) -> None:
    app = open_intact("runs", runs=f"{known[state]},{known['finished']}")
    assert len(app.get("bidi_component")) == 1  # the curves of the other run
    assert not button(app, "Delete").disabled
    intact(press(app, "Delete"))
    for label in ("Open", "Rename", "Delete", "Reference lines"):
        app = open_intact("runs", runs=known[state])
        if not button(app, label).disabled:
            intact(press(app, label), label)


def test_health_reports_a_newest_failure_that_cannot_be_read(known: dict[str, str]) -> None:
    assert tracking.runs().iloc[0]["status"] == "unreadable"
    assert "newer version" in str(health.report()["last_error"])


def test_the_dataset_of_an_address_is_chosen_and_follows_the_choice(known: dict[str, str]) -> None:
    app = open_intact("data", dataset="imdb")
    for _ in range(2):
        assert app.query_params["dataset"] in ("imdb", ["imdb"]) and "Load it" in app.info[0].value
        app.run()
    app.get("button_group")[0].set_value("ag_news").run()
    assert app.query_params["dataset"] in ("ag_news", ["ag_news"])
    assert app.get("button_group")[0].value == "ag_news"
    assert "dataset" not in open_intact("data").query_params


@given(ODD_VALUES | strategies.text(max_size=50))
@example("x" * 200_000)
@example("\u202e" * 500)
@examples(8)
def test_any_text_typed_into_predict_is_answered(known: dict[str, str], text: str) -> None:
    typed = text.encode("utf-8", "replace").decode()  # as a browser sends it
    app = open_intact("predict", models="sentiment,starter")
    intact(app.text_area(key="predict_text").set_value(typed).run(), typed)
    app.text_area(key="predict_many").set_value(typed).run()
    intact(press(app, "Answer"), typed)


@given(ODD_VALUES)
@examples(6)
def test_any_sentence_is_watched_or_refused(known: dict[str, str], text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        small_runs.hold_experiments(patch)
        app = open_intact("compare")
        app.text_area(key="compare_watch_sample").set_value(text).run()
        intact(press(app, "Run the experiment"), text)


@given(strategies.data())
@examples(10)
def test_any_value_typed_into_the_form_is_accepted_or_refused(
    known: dict[str, str], data: strategies.DataObject
) -> None:
    app = open_intact("train")
    odd_numbers = strategies.sampled_from([0, -1, 10**9, 2**53 - 1])
    for _ in range(3):
        if data.draw(strategies.booleans()):
            widget = data.draw(strategies.sampled_from(list(app.number_input)))
            number = data.draw(odd_numbers)
            value = float(number) if isinstance(widget.value, float) else number
        else:
            widget = data.draw(strategies.sampled_from([*app.text_input, *app.text_area]))
            value = data.draw(ODD_VALUES)
        app = intact(widget.set_value(value).run(), widget)


@given(ODD_VALUES.filter(str.strip))  # an empty path would download the data
@examples(10)
def test_any_path_typed_into_data_is_read_or_refused(known: dict[str, str], path: str) -> None:
    app = open_intact("data", dataset="imdb")
    app.text_input(key="data_source_imdb").set_value(path).run()
    intact(press(app, "Load"), path)


@given(ODD_VALUES)
@example("~nobody-of-that-name/x")
@example("a" * 10_000)
@examples(10)
def test_any_path_typed_into_import_is_refused(known: dict[str, str], path: str) -> None:
    app = open_page("checkpoints", session={"checkpoints_tab": "Import"})
    for key in ("import_path", "import_glove_path"):
        app.text_input(key=key).set_value(path)
    app.text_input(key="import_name").set_value(path[:60])
    intact(press(app, "Import"), path)
