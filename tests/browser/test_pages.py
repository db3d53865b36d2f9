"""Predict, Runs, Checkpoints and Data in a browser: dialogs, rows, files, widths."""

import re

import pytest
from playwright.sync_api import Page, expect

from ftcore import tracking
from ftcore.events import Finished
from ftcore.models import checkpoints
from tests.helpers import small_runs
from tests.helpers.browser_steps import (
    dialog_button,
    expect_no_overflow,
    visit,
    wait_until_idle,
)

PAGES = [
    "",
    "train",
    "compare",
    "compare?experiment=sample",
    "predict",
    "runs",
    "checkpoints",
    "data",
    "label",
]
ROW = 35  # pixels, the height of a table's row


@pytest.fixture(scope="module", autouse=True)
def runs(server_home):
    """Ids by name of two finished runs in the server's home, which the tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNFREEZE_HOME", str(server_home))
        starter = server_home / "checkpoints" / "starter-tiny"
        small_runs.checkpoint(starter, "starter-tiny", title="Tiny")
        yield {
            name: small_runs.run(name=name, mode=mode, checkpoint="starter-tiny")
            for name, mode in (("All layers", "full"), ("One layer", "last-layer"))
        }


@pytest.fixture(autouse=True)
def home(server_home, runs, monkeypatch):
    """Use the server's home in the test, too."""
    monkeypatch.setenv("UNFREEZE_HOME", str(server_home))


def select_row(page: Page, row: int) -> None:
    """Click the checkbox of a row of the list of runs."""
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 16, box["y"] + ROW * (row + 1) + ROW / 2)


@pytest.fixture(scope="module", params=[("light", 1440), ("dark", 390)], ids=["light", "dark"])
def window(chromium, request):
    """A window, wide and light or narrow and dark, in which all pages are opened."""
    scheme, width = request.param
    window = chromium.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    yield window
    window.context.close()


@pytest.mark.parametrize("path", PAGES)
def test_nothing_overflows_and_nothing_fails(window, server, path):
    window.goto(f"{server}/{path}")
    expect_no_overflow(window)


def test_predict_answers_with_the_keyboard_alone(page, server):
    page.goto(f"{server}/predict?models=starter-tiny")
    text = page.get_by_label("Text", exact=True)
    text.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("the film is <img src=x onerror=window.hit=1> good")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text(re.compile(r"of \d+ words unknown"))).to_be_visible()
    expect(page.get_by_test_id("stHtml").last).to_contain_text("onerror")
    assert page.evaluate("window.hit") is None


def test_the_code_of_a_run_is_shown_and_downloaded(page, server, runs, tmp_path):
    visit(page, f"{server}/train?run={runs['All layers']}")
    page.get_by_role("button", name=re.compile("Show the code$")).click()
    expect(page.get_by_role("dialog").get_by_text("torch.manual_seed").first).to_be_visible()
    with page.expect_download() as download:
        dialog_button(page, "Download").click()
    download.value.save_as(tmp_path / "run.py")
    compile((tmp_path / "run.py").read_text("utf-8"), "run.py", "exec")


def test_selected_runs_stay_selected_after_a_reload(page, server, runs):
    page.goto(f"{server}/runs?runs={runs['All layers']}")
    wait_until_idle(page)
    legend = page.get_by_role("group", name="Curves")
    expect(legend).to_contain_text("validation")
    select_row(page, list(tracking.runs()["run_id"]).index(runs["One layer"]))
    expect(legend).to_contain_text("One layer")
    for _ in range(2):
        assert runs["One layer"] in page.url and runs["All layers"] in page.url
        expect(legend).to_contain_text("All layers")
        page.reload()
        wait_until_idle(page)
    expect(page.get_by_text("Side by side")).to_be_visible()


def test_a_run_is_renamed_and_deleted_after_confirmation(page, server):
    doomed = small_runs.run(name="Doomed", checkpoint="starter-tiny")
    visit(page, f"{server}/runs?runs={doomed}")
    page.get_by_role("button", name=re.compile("Rename$")).click()
    name = page.get_by_role("dialog").get_by_label("Name", exact=True)
    name.fill("  ")
    dialog_button(page, "Rename").click()
    expect(page.get_by_role("dialog")).to_contain_text("needs a name")
    name.fill("Nearly gone")
    dialog_button(page, "Rename").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert tracking.run(doomed).name == "Nearly gone"

    page.get_by_role("button", name=re.compile("Delete$")).click()
    expect(page.get_by_role("dialog")).to_contain_text("Nearly gone")
    dialog_button(page, "Keep").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name=re.compile("Delete$")).click()
    dialog_button(page, "Delete").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert doomed not in set(tracking.runs()["run_id"])
    assert not checkpoints.run_path(doomed).exists()


def test_a_live_run_is_not_deleted_and_its_end_is_shown(page, server):
    run_id = small_runs.run("running", saved=False, name="Alive", checkpoint="starter-tiny")
    visit(page, f"{server}/runs?runs={run_id}")
    page.get_by_role("button", name=re.compile("Delete$")).click()
    dialog_button(page, "Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("stop it first")
    page.keyboard.press("Escape")
    tracking.finish(run_id, Finished("stopped", "Over."))
    figures = page.get_by_test_id("stDataFrame").last.locator("td", has_text="stopped")
    expect(figures).to_have_count(1)
    tracking.delete(run_id)


def test_a_checkpoint_is_shown_and_deleted_after_confirmation(page, server, server_home):
    folder = server_home / "checkpoints"
    parent = small_runs.checkpoint(folder / "needed", "needed", title="Needed")
    small_runs.checkpoint(folder / "child", "child", parent=parent, title="Child")
    visit(page, f"{server}/checkpoints")
    page.locator(".st-key-details-needed").get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_contain_text("Attention heads")
    page.keyboard.press("Escape")
    page.locator(".st-key-delete-needed").get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_contain_text(
        "Delete first what uses its word vectors: Child"
    )
    expect(dialog_button(page, "Delete")).to_have_count(0)
    dialog_button(page, "Keep").click()
    for ref in ("child", "needed"):
        page.locator(f".st-key-delete-{ref}").get_by_role("button").click()
        dialog_button(page, "Delete").click()
        expect(page.locator(f".st-key-delete-{ref}")).to_have_count(0)
        assert not (folder / ref).exists()
