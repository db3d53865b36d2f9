"""No text that a user types or a dataset holds is rendered as HTML on any page."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ftcore import tracking
from ftcore.events import Finished, Started
from ftcore.models import checkpoints
from tests.browser.conftest import serve
from tests.helpers import small_runs
from tests.helpers.browser_steps import wait_until_idle
from tests.helpers.dataset_files import ROWS, csvs

EVIL = '<img src=x onerror="window.hacked=1">'
START = "<img src=x"
ADDRESSES = ["/", "/train?run=", "/train?by=", "/runs?runs=", "/compare?runs=", "/predict?models="]
ADDRESSES += ["/data?dataset=", "/checkpoints?x="]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("evil-home")


@pytest.fixture(scope="module")
def runs(home):
    """Two runs of an experiment whose names, labels, messages, checkpoint and card are such texts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNFREEZE_HOME", str(home))
        folder = home / "checkpoints" / "evil"
        values: dict[str, Any] = {"title": EVIL, "labels": (EVIL, "fine"), "dataset": EVIL}
        small_runs.checkpoint(folder, "evil", **values, metrics={"test_accuracy": 0.5})
        (folder / checkpoints.CARD).write_text(f"{EVIL}\n\n<b>{EVIL}</b>")
        run_ids = [
            small_runs.run(
                name=f"{EVIL} {mode}", mode=mode, checkpoint="evil", experiment=EVIL, watch=EVIL
            )
            for mode in ("full", "last-layer")
        ]
        for run_id in run_ids:
            with tracking.Recorder(run_id) as recorder:
                recorder.write(Started(small_runs.FACTS | {"device": EVIL}, [EVIL]))
                recorder.write(Finished("failed", EVIL))
        return run_ids


@pytest.fixture(scope="module")
def dashboard(home, runs):
    with serve(home) as address:
        yield address


@pytest.fixture(scope="module")
def context(chromium):
    context = chromium.new_context(viewport={"width": 1440, "height": 2400})
    yield context
    context.close()


@pytest.fixture
def evil(context):
    """A page; the test fails if any text was rendered as HTML when it ends."""
    page = context.new_page()
    yield page
    wait_until_idle(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.locator("img[src='x' i]")).to_have_count(0)  # looks into open shadow roots, too
    assert page.evaluate("window.hacked") is None
    page.close()


def expect_text(page: Page) -> None:
    """Wait until the text is shown, letter by letter."""
    expect(page.get_by_text(START).filter(visible=True).first).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/checkpoints", "/predict?models=evil", "/runs"])
def test_names_and_titles(evil, dashboard, path):
    evil.goto(dashboard + path)
    expect(evil.get_by_role("heading", level=1)).to_be_visible()
    if path == "/predict?models=evil":
        evil.get_by_label("Text", exact=True).fill(f"{EVIL} the film is good {EVIL}")
        evil.keyboard.press("Control+Enter")
    if path not in ("/", "/runs"):  # Home names no finished run, and the list is a canvas
        expect_text(evil)
    if path == "/checkpoints":
        evil.get_by_role("button", name="Details").nth(2).click()  # after the two that are bundled
        expect(evil.get_by_role("dialog")).to_contain_text(START)


def test_a_run_and_an_experiment(evil, dashboard, runs):
    evil.goto(f"{dashboard}/train?run={runs[0]}")
    expect_text(evil)
    expect(evil.locator("img[src='x' i]")).to_have_count(0)
    evil.goto(f"{dashboard}/compare?runs={','.join(runs)}")
    expect(evil.get_by_role("heading", level=1)).to_contain_text(START[:4], ignore_case=True)


def test_texts_of_a_dataset(evil, dashboard, tmp_path):
    script = "<script>hacked=1</script>"
    csvs(tmp_path, [(row[0], f"{EVIL} {row[1]}", f"{row[2]} {script}") for row in ROWS])
    evil.goto(f"{dashboard}/data?dataset=ag_news")
    evil.get_by_label("Where it is").fill(str(tmp_path))
    evil.get_by_role("button", name="Load").click()
    expect_text(evil)
    evil.get_by_label("Search").fill("<img")
    evil.keyboard.press("Enter")
    expect(evil.locator("mark").first).to_have_text("<img")


@pytest.mark.parametrize("path", ADDRESSES)
def test_addresses(evil, dashboard, path):
    evil.goto(dashboard + path + "%3Cimg%20src%3Dx%20onerror%3D%22window.hacked%3D1%22%3E")
    expect(evil.get_by_test_id("stMain").get_by_text(re.compile(r"\w")).first).to_be_visible()
