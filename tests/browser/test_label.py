"""Labelling in a browser: by keys, with Undo, and through a kill of the server."""

import signal

from playwright.sync_api import Page, expect

from benchmarks.harness.server_process import ServerProcess
from ftcore.data.store import card, journal
from tests.helpers.browser_steps import (
    button,
    expect_no_overflow,
    visit,
    wait_until_idle,
)
from tests.helpers.own_data import add


def shown(page: Page) -> str:
    """The text that waits for its label."""
    wait_until_idle(page)
    return page.locator("[data-testid=stHtml]").get_by_text("letter number").first.inner_text()


def press(page: Page, key: str, labelled: int) -> None:
    """Press a key, and wait until so many texts have a label."""
    wait_until_idle(page)
    page.keyboard.press(key)
    expect(page.get_by_text(f"{labelled} of 60 texts have a label")).to_be_visible()


def test_keys_label_texts_and_a_killed_server_loses_none(chromium, tmp_path, monkeypatch):
    home = tmp_path / "home"
    monkeypatch.setenv("UNFREEZE_HOME", str(home))
    file = tmp_path / "letters.csv"
    file.write_text("\n".join(["text", *(f"letter number {n}" for n in range(60))]))
    add(file, "letters")
    server = ServerProcess(home, HF_HUB_OFFLINE="1")
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    with server:
        visit(page, f"{server.address}/label?dataset=letters")
        page.get_by_role("textbox", name="Classes").fill("praise\ncomplaint")
        button(page, "Start labelling").click()
        expect(page.get_by_text("0 of 60 texts have a label")).to_be_visible()
        first = shown(page)
        press(page, "1", 1)
        second = shown(page)
        assert second != first
        press(page, "2", 2)
        press(page, "u", 1)
        assert shown(page) == second
        press(page, "1", 2)
        third = shown(page)
        page.keyboard.press("s")
        expect(page.get_by_text(third, exact=True)).to_have_count(0)
        expect_no_overflow(page)

        page.keyboard.press("2")
        expect(page.get_by_text("3 of 60 texts have a label")).to_be_visible()
        server.stop(signal.SIGKILL)
        server.start()
        visit(page, f"{server.address}/label?dataset=letters")
        expect(page.get_by_text("3 of 60 texts have a label")).to_be_visible()
        press(page, "1", 4)
        page.set_viewport_size({"width": 390, "height": 800})
        expect_no_overflow(page)
        button(page, "Train on it").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Train")
        expect(page.get_by_role("combobox", name="Data")).to_have_value("letters")
    labels = [entry for entry in journal.read(card.get("letters")) if entry.text >= 0]
    assert [entry.now.label for entry in labels if not entry.takes_back] == [
        ("praise",),
        ("complaint",),
        ("praise",),
        ("complaint",),
        ("praise",),
    ]
    page.close()
