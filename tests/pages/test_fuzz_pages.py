"""Odd addresses and texts on every page: no traceback, whatever stands in the address. See tests/fuzz.py."""

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
from tests.helpers.fuzzing import ODD_TEXTS, SURROGATE, examples

MAIN = Path(__file__).parents[2] / "pages" / "_main.py"
PAGES = ["home", "train", "compare", "predict", "runs", "checkpoints", "data"]
NAMES = [
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
    "nothing",
]
# A browser sends no half of a character: Streamlit's server reads the address as UTF-8.
VALUES = [one for one in ODD_TEXTS if one != SURROGATE]


@pytest.fixture(scope="module")
def known(session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A home with runs in many states, one in disorder and one of a newer version: their ids by name."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNFREEZE_HOME", str(home))
        patch.setattr(paths, "BUNDLED_CHECKPOINTS", home / "bundled")
        small_runs.bundled(home / "bundled")
        warm_imports.preload().result()
        made = {
            name: small_runs.run(name, experiment="one")
            for name in ("finished", "failed", "interrupted")
        }
        made |= {
            "queued": small_runs.run("queued"),
            "last": small_runs.run(mode="last-layer", experiment="one"),
        }
        for name, tag, value in (("broken", "config", "{"), ("newer", "format", "99")):
            made[name] = small_runs.run("failed", saved=False, name=name, experiment="one")
            client = MlflowClient(tracking_uri=paths.tracking_uri())
            client.set_tag(made[name], f"unfreeze.{tag}", value)
        yield made | {"home": str(home)}


@pytest.fixture(autouse=True)
def at_home(known: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNFREEZE_HOME", known["home"])
    st.cache_data.clear()


def page(name: str, query: dict[str, str | list[str]]) -> AppTest:
    """A page at an address, and that it can be read."""
    app = AppTest.from_file(str(MAIN), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page(f"{name}.py").run()
    sound(app, name, query)
    return app


def sound(app: AppTest, *where: object) -> None:
    assert not app.exception, (where, app.exception)
    for one in [*app.error, *app.info, *app.warning, *app.markdown]:
        assert "unexpected" not in one.value and "Traceback" not in one.value, (where, one.value)


@strategies.composite
def addresses(draw: strategies.DrawFn, ids: list[str]) -> dict[str, str | list[str]]:
    value = strategies.one_of(strategies.sampled_from(VALUES), strategies.sampled_from(ids))
    joined = strategies.lists(value, min_size=1, max_size=4).map(",".join)
    several = strategies.lists(value, max_size=3)
    return draw(
        strategies.dictionaries(
            strategies.sampled_from(NAMES), strategies.one_of(value, joined, several), max_size=3
        )
    )


@pytest.mark.parametrize("name", PAGES)
@given(data=strategies.data())
@examples(8)
def test_any_address_is_a_page(
    known: dict[str, str], name: str, data: strategies.DataObject
) -> None:
    ids = [*known.values(), "sample", "one", "starter", "sentiment", "imdb", "loss", "step"]
    page(name, data.draw(addresses(ids)))


@pytest.mark.parametrize("name", ["runs", "compare", "predict"])
def test_what_an_address_names_twice_is_there_once(known: dict[str, str], name: str) -> None:
    twice = ",".join([known["finished"], known["last"]] * 2)
    page(name, {"models" if name == "predict" else "runs": twice})


@pytest.mark.parametrize("state", ["broken", "newer", "failed", "queued", "interrupted"])
def test_a_run_in_any_state_is_at_every_address(known: dict[str, str], state: str) -> None:
    """Opened, listed among others, compared and asked."""
    ids = ",".join([known[state], known["finished"]])
    for name, query in (
        ("train", {"run": known[state]}),
        ("runs", {"runs": known[state]}),
        ("runs", {"runs": ids}),
        ("compare", {"runs": ids}),
        ("predict", {"model": known[state]}),
        ("predict", {"models": ids}),
    ):
        app = page(name, query)
        if state in ("broken", "newer") and name in ("train", "compare"):
            assert len(app.error) == 1, (name, app.error)


@pytest.mark.parametrize("state", ["broken", "newer"])
def test_a_run_that_cannot_be_read_is_not_drawn_but_can_be_deleted(
    known: dict[str, str], state: str
) -> None:
    app = page("runs", {"runs": ",".join([known[state], known["finished"]])})
    assert len(app.get("bidi_component")) == 1  # the curves of the other
    deleting = next(one for one in app.button if one.label == "Delete")
    assert not deleting.disabled
    sound(deleting.click().run(), "delete")
    for label in ("Open", "Rename", "Delete", "Reference lines"):
        app = page("runs", {"runs": known[state]})
        button = next(one for one in app.button if one.label == label)
        if not button.disabled:
            sound(button.click().run(), label)


def test_home_data_and_health_stand_it_that_the_newest_failure_cannot_be_read(
    known: dict[str, str],
) -> None:
    assert tracking.runs().iloc[0]["status"] == "unreadable"
    assert "newer version" in str(health.report()["last_error"])


def test_a_link_to_a_dataset_leads_there_and_stays(known: dict[str, str]) -> None:
    app = page("data", {"dataset": "imdb"})
    for _ in range(2):
        assert app.query_params["dataset"] in ("imdb", ["imdb"]) and "Load it" in app.info[0].value
        app.run()
    app.get("button_group")[0].set_value("ag_news").run()
    assert app.query_params["dataset"] in ("ag_news", ["ag_news"])
    assert app.get("button_group")[0].value == "ag_news"
    assert "dataset" not in page("data", {}).query_params


@given(strategies.one_of(strategies.sampled_from(VALUES), strategies.text(max_size=50)))
@example("x" * 200_000)
@example("\u202e" * 500)
@examples(8)
def test_any_text_typed_into_predict_is_answered(known: dict[str, str], text: str) -> None:
    app = page("predict", {"models": "sentiment,starter"})
    typed = text.encode("utf-8", "replace").decode()  # as a browser sends it
    sound(app.text_area(key="predict_text").set_value(typed).run(), typed)
    app.text_area(key="predict_many").set_value(typed).run()
    sound(next(one for one in app.button if one.label == "Answer").click().run(), typed)


@given(strategies.sampled_from(VALUES))
@examples(6)
def test_any_sentence_is_watched_or_refused(known: dict[str, str], text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "ftcore.jobs.submit", lambda config, *rest: tracking.create_run(config, *rest)
        )
        app = page("compare", {})
        app.text_area(key="compare_watch_sample").set_value(text).run()
        sound(next(one for one in app.button if "Run the" in one.label).click().run(), text)


@given(strategies.data())
@examples(10)
def test_any_value_typed_into_the_form_starts_nothing_odd(
    known: dict[str, str], data: strategies.DataObject
) -> None:
    app = page("train", {})
    numbers = strategies.sampled_from([0, -1, 10**9, 2**53 - 1])
    for _ in range(3):
        if data.draw(strategies.booleans()):
            one = data.draw(strategies.sampled_from(list(app.number_input)))
            odd = data.draw(numbers)
            app = one.set_value(float(odd) if isinstance(one.value, float) else odd).run()
        else:
            one = data.draw(strategies.sampled_from([*app.text_input, *app.text_area]))
            app = one.set_value(data.draw(strategies.sampled_from(VALUES))).run()
        sound(app, one)


@given(strategies.sampled_from(VALUES))
@examples(10)
def test_any_path_typed_into_data_is_read_or_refused(known: dict[str, str], path: str) -> None:
    if not path.strip():
        return  # which downloads it
    app = page("data", {"dataset": "imdb"})
    app.text_input(key="data_source_imdb").set_value(path).run()
    sound(next(one for one in app.button if one.label == "Load").click().run(), path)


@given(strategies.sampled_from(VALUES))
@example("~nobody-of-that-name/x")
@example("a" * 10_000)
@examples(10)
def test_any_path_typed_into_import_is_refused(known: dict[str, str], path: str) -> None:
    app = page("checkpoints", {})
    app.session_state["checkpoints_tab"] = "Import"
    app.run()
    for key in ("import_path", "import_glove_path", "import_name"):
        app.text_input(key=key).set_value(path[:60] if key == "import_name" else path)
    sound(next(one for one in app.button if one.label == "Import").click().run(), path)
