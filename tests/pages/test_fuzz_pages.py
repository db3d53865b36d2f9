"""Odd addresses and inputs on every page end in a page or an error message. See tests/helpers/fuzzing.py."""

from typing import Any

import pytest
from hypothesis import example, given, strategies
from mlflow.tracking import MlflowClient
from streamlit.testing.v1 import AppTest

from ftcore import paths, tracking
from ftcore.runs.scheduler import scheduler
from ftcore.tracking.address import tracking_uri
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
ODD_VALUES = strategies.sampled_from([text for text in ODD_TEXTS if text != SURROGATE])
# By page: how it is opened, the fields to fill, and the button that is clicked.
FIELDS: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "predict": ({"models": "sentiment,starter"}, ["predict_text", "predict_many"], "Answer"),
    "compare": ({}, ["compare_watch_sample"], "Run the experiment"),
    "data": ({"dataset": "imdb"}, ["data_source_imdb"], "Load"),
    "checkpoints": (
        {"session": {"checkpoints_tab": "Import"}},
        ["import_path", "import_glove_path", "import_name"],
        "Import",
    ),
}


@pytest.fixture(scope="module")
def known(session_home, tmp_path_factory):
    """A home with runs in many states, two of them unreadable; their run ids by state."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNFREEZE_HOME", str(home))
        patch.setattr(paths, "BUNDLED_CHECKPOINTS", home / "bundled")
        patch.setattr(scheduler, "submit", tracking.create_run)
        small_runs.hold_experiments(patch)
        small_runs.bundled(home / "bundled")
        warm_imports.preload().result()
        runs = {
            status: small_runs.run(status, experiment="one")
            for status in ("finished", "failed", "interrupted", "queued")
        }
        runs["last"] = small_runs.run(mode="last-layer", experiment="one")
        client = MlflowClient(tracking_uri=tracking_uri())
        for state, tag, value in (("broken", "config", "{"), ("newer", "format", "99")):
            runs[state] = small_runs.run("failed", saved=False, name=state, experiment="one")
            client.set_tag(runs[state], f"unfreeze.{tag}", value)
        yield runs | {"home": str(home)}


@pytest.fixture(autouse=True)
def use_home(known, monkeypatch):
    monkeypatch.setenv("UNFREEZE_HOME", known["home"])


def open_intact(name: str, **query: Any) -> AppTest:
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
def test_any_address_opens_a_page(known, name, data):
    names = [*known.values(), "sample", "one", "starter", "sentiment", "imdb", "loss", "step"]
    open_intact(name, **data.draw(addresses(names)))


@pytest.mark.parametrize("state", ["broken", "newer", "failed", "queued", "interrupted"])
def test_a_run_in_any_state_can_be_opened_listed_compared_and_asked(known, state):
    run_id = known[state]
    run_ids = ",".join([run_id, known["finished"], run_id])  # duplicates are ignored
    for app in (open_intact("train", run=run_id), open_intact("compare", runs=run_ids)):
        assert len(app.error) == 1 or state not in ("broken", "newer"), app.error
    app = open_intact("runs", runs=run_ids)
    assert len(app.get("bidi_component")) == 1  # the curves of the readable runs
    for label in ("Open", "Rename", "Delete", "Reference lines"):
        app = open_intact("runs", runs=run_id)
        if not button(app, label).disabled:
            intact(press(app, label), label)
    open_intact("predict", model=run_id)
    open_intact("predict", models=run_ids)


def test_health_reports_a_newest_failure_that_cannot_be_read(known):
    assert "newer version" in str(scheduler.health()["last_error"])


@pytest.mark.parametrize("name", FIELDS)
@given(ODD_VALUES | strategies.text(max_size=50))
@example("~nobody-of-that-name/x")
@example("x" * 200_000)
@example("\u202e" * 500)
@examples(8)
def test_any_text_in_a_field_is_accepted_or_refused(known, name, text):
    query, fields, label = FIELDS[name]
    typed = text.encode("utf-8", "replace").decode()  # as a browser sends it
    if name == "data" and not typed.strip():
        return  # an empty path would download the data
    app = open_intact(name, **query)
    for key in fields:
        field = next(field for field in [*app.text_input, *app.text_area] if field.key == key)
        app = intact(field.set_value(typed[: field.proto.max_chars or None]).run(), typed)
    intact(press(app, label), typed)


@given(strategies.data())
@examples(10)
def test_any_value_typed_into_the_form_is_accepted_or_refused(known, data):
    app = open_intact("train", session={"train_more": True})
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
