"""What a class sees when a tab closes, the server is killed, and somebody starts it again."""

import re
import signal
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PAINT, PATIENCE, button, started, stop
from tests.helpers import disk_limit
from tests.helpers.network_proxy import wire

AT_STEP = re.compile(r"[\d,]+ of [\d,]+ steps")


def start(page: Page, address: str, epochs: int) -> str:
    """Start a run on the sample; the address at which it is found again."""
    page.goto(f"{address}/train")
    page.get_by_role("spinbutton", name="Epochs").fill(str(epochs))
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Quick")).not_to_be_checked()
    expect(page.get_by_role("spinbutton", name="Epochs")).to_have_value(str(epochs))
    button(page, "Start").click()
    page.wait_for_url(re.compile(r"\?run="))
    return page.url


def test_a_run_outlives_its_viewers_and_its_process(chromium: Browser, tmp_path: Path) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    with started(tmp_path) as (address, process):
        first = start(page, address, 300)
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=PATIENCE)
        second = start(page, address, 2)
        expect(page.get_by_text("place 1 in the queue")).to_be_visible()
        third = start(page, address, 1)
        expect(page.get_by_text("place 2 in the queue")).to_be_visible()
        page.goto(f"{address}/runs")
        button(page, "Earlier").last.click()
        expect(button(page, "Earlier").last).to_be_enabled()
        context.close()  # the browser goes, training does not

        page = chromium.new_page()
        page.goto(third)
        expect(page.get_by_text("place 1 in the queue")).to_be_visible()
        page.goto(first)
        reached = int(
            page.get_by_text(AT_STEP).inner_text().split("·")[1].split()[0].replace(",", "")
        )
        expect(page.get_by_text(AT_STEP)).not_to_contain_text(f" {reached} of")
        process.send_signal(signal.SIGKILL)
        process.wait()

    with started(tmp_path) as (again, process):
        moved = [url.replace(address, again) for url in (first, second, third)]
        page.goto(again)
        expect(page.get_by_text("was interrupted")).to_be_visible()
        page.goto(moved[2])  # it was put first, and begins by itself
        expect(page.get_by_text("Finished.")).to_be_visible(timeout=PATIENCE)
        page.goto(moved[1])
        expect(page.get_by_text("Finished.")).to_be_visible(timeout=PATIENCE)

        page.goto(moved[0])
        button(page, "Resume").click()
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=PATIENCE)
        button(page, "Pause").click()
        expect(page.get_by_text("Paused at step")).to_be_visible(timeout=PATIENCE)
        button(page, "Resume").click()
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=PATIENCE)
        process.send_signal(signal.SIGINT)  # Ctrl-C in the server's terminal
        process.wait(60)
        log = (tmp_path / "server.log").read_text()
        assert "Traceback" not in log
        assert "can be resumed at the next start" in log

    with started(tmp_path) as (address, _):
        page.goto(moved[0].replace(again, address))
        expect(page.get_by_text("The program was stopped at step")).to_be_visible(timeout=PATIENCE)
        button(page, "Keep").click()
        expect(
            page.get_by_text(re.compile("Stopped; the best model, of step .* is kept"))
        ).to_be_visible()
        button(page, "New run").click()
        start(page, address, 300)
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=PATIENCE)
        stop(page).click()
        button(page, "Discard").click()
        expect(button(page, "Start")).to_be_visible(timeout=PAINT)  # back at the form
        assert "run=" not in page.url


def test_a_full_disk_is_said_and_all_goes_on_once_there_is_room(
    chromium: Browser, tmp_path: Path
) -> None:
    page = chromium.new_page()
    full = page.get_by_text("free some space")
    with started(tmp_path) as (address, process):
        first = start(page, address, 300)
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=PATIENCE)
        second = start(page, address, 2)
        expect(page.get_by_text("place 1 in the queue")).to_be_visible()
        with disk_limit.limit_file_size(1, process.pid):
            expect(full).to_be_visible(timeout=PATIENCE)  # the first has ended, this cannot begin
            stop(page).click()
            button(page, "Take it off the queue").click()
            expect(page.get_by_test_id("stToast")).to_contain_text("free some space")
            for path, name in (("train", "Start"), ("compare", "Run the experiment")):
                page.goto(f"{address}/{path}")
                button(page, name).click()
                expect(full).to_be_visible()
        page.goto(second)
        expect(page.get_by_text("Finished.")).to_be_visible(timeout=PATIENCE)
        page.goto(first)
        button(page, "Resume").click()
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=PATIENCE)
    page.close()


def test_a_lost_network_is_nothing_to_a_run_and_the_page_goes_on(
    chromium: Browser, server: str
) -> None:
    page = chromium.new_page()
    with wire(server) as network:
        start(page, network.address, 300)
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=PATIENCE)
        page.evaluate("window.never = 'reloaded'")
        network.cut()
        expect(page.get_by_text("Connecting")).to_be_visible()
        alone = page.get_by_text(AT_STEP).inner_text()  # the last that was said
        network.mend()
        expect(page.get_by_text("Connecting")).not_to_be_visible()
        expect(page.get_by_text(AT_STEP)).not_to_have_text(alone)
        assert page.evaluate("window.never") == "reloaded"
        stop(page).click()
        button(page, "Stop and keep").click()
        expect(page.get_by_text("Stopped at step")).to_be_visible()
    page.close()
