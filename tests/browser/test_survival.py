"""Runs outlive a closed browser, a lost network, a full disk, and a server that is killed or stopped."""

import re
import signal

from playwright.sync_api import expect

from benchmarks.harness.server_process import ServerProcess
from ftcore import tracking
from tests.helpers import disk_limit
from tests.helpers.browser_steps import (
    AT_STEP,
    TRAINING_TIMEOUT,
    button,
    start_run,
    stop_button,
    visit,
)
from tests.helpers.network_proxy import NetworkProxy


def test_a_run_outlives_its_viewers_and_its_process(chromium, tmp_path, monkeypatch):
    monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path))
    server = ServerProcess(tmp_path)
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    with server:
        first = start_run(page, server.address, 300)
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=TRAINING_TIMEOUT)
        second = start_run(page, server.address, 2, texts=300)
        expect(page.get_by_text("place 1 in the queue")).to_be_visible()
        third = start_run(page, server.address, 1, texts=300)
        expect(page.get_by_text("place 2 in the queue")).to_be_visible()
        page.goto(f"{server.address}/runs")
        third_id = third.partition("run=")[2]
        # The first: for a moment the row also stands where it was.
        earlier = page.locator(f".st-key-Earlier_{third_id}").get_by_role("button").first
        earlier.click()
        expect(earlier).to_be_disabled()  # it is the next run now
        context.close()  # the browser ends, training does not

        page = chromium.new_page()
        page.goto(third)
        expect(page.get_by_text("place 1 in the queue")).to_be_visible()
        page.goto(first)
        progress = page.get_by_text(AT_STEP).inner_text()
        expect(page.get_by_text(AT_STEP)).not_to_have_text(progress)
        server.stop(signal.SIGKILL)

    with server:
        page.goto(server.address)
        expect(page.get_by_text("was interrupted")).to_be_visible()
        for address in (third, second):  # in their order, without being asked
            page.goto(address)
            expect(page.get_by_text("Finished.")).to_be_visible(timeout=TRAINING_TIMEOUT)

        visit(page, first)
        button(page, "Resume").click()
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=TRAINING_TIMEOUT)
        button(page, "Pause").click()
        expect(page.get_by_text("Paused at step")).to_be_visible(timeout=TRAINING_TIMEOUT)
        button(page, "Keep").click()
        kept = re.compile("Stopped; the best model, of step .* is kept")
        expect(page.get_by_text(kept)).to_be_visible()

        last = start_run(page, server.address, 300)
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=TRAINING_TIMEOUT)
        server.stop(signal.SIGINT)  # Ctrl-C in the server's terminal
        log = server.log.read_text()
        assert "Traceback" not in log
        assert "can be resumed" in log
    assert_interrupted(last)


def assert_interrupted(address: str) -> None:
    """The run of a page was stopped with its server, and can be resumed."""
    run = tracking.run(address.partition("run=")[2])
    assert run.status == "interrupted" and run.resumable
    assert "The program was stopped at step" in run.message


def test_a_full_disk_is_reported_and_runs_go_on_once_there_is_space(
    chromium, tmp_path, monkeypatch
):
    monkeypatch.setenv("UNFREEZE_HOME", str(tmp_path))
    page = chromium.new_page()
    full = page.get_by_text("free some space")
    with ServerProcess(tmp_path) as server:
        first = start_run(page, server.address, 300)
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=TRAINING_TIMEOUT)
        second = start_run(page, server.address, 2, texts=300)
        expect(page.get_by_text("place 1 in the queue")).to_be_visible()
        with disk_limit.limit_file_size(1, server.process.pid):
            # The first run is interrupted, the second cannot begin.
            expect(full).to_be_visible(timeout=TRAINING_TIMEOUT)
            stop_button(page).click()
            button(page, "Take it off the queue").click()
            expect(page.get_by_test_id("stToast")).to_contain_text("free some space")
            for path, name in (("train", "Start"), ("compare", "Run the experiment")):
                visit(page, f"{server.address}/{path}")
                button(page, name).click()
                expect(full).to_be_visible()
        page.goto(second)
        expect(page.get_by_text("Finished.")).to_be_visible(timeout=TRAINING_TIMEOUT)
        visit(page, first)
        button(page, "Resume").click()
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=TRAINING_TIMEOUT)
    page.close()
    assert_interrupted(first)  # by SIGTERM


def test_a_lost_network_stops_neither_run_nor_page(chromium, server):
    page = chromium.new_page()
    with NetworkProxy(server) as network:
        start_run(page, network.address, 300)
        expect(page.get_by_text(AT_STEP)).to_be_visible(timeout=TRAINING_TIMEOUT)
        page.evaluate("window.never = 'reloaded'")
        network.disconnect()
        expect(page.get_by_text("Connecting")).to_be_visible()
        last_shown = page.get_by_text(AT_STEP).inner_text()
        network.reconnect()
        expect(page.get_by_text("Connecting")).not_to_be_visible()
        expect(page.get_by_text(AT_STEP)).not_to_have_text(last_shown)
        assert page.evaluate("window.never") == "reloaded"
        stop_button(page).click()
        button(page, "Discard").click()
        expect(button(page, "Start")).to_be_visible()  # back at the form
        assert "run=" not in page.url
    page.close()
