"""From Home to the verdict of a paired experiment, its replay, and every view of it."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from ftcore.modes import REFERENCES
from tests.helpers import fake_results
from tests.helpers.browser_steps import (
    TRAINING_TIMEOUT,
    button,
    count_points,
    stop_button,
    wait_for_points,
    wait_until_idle,
)
from tests.helpers.fake_results import result

RUNS = 4 + len(REFERENCES)
TABS = ("Watched sentences", "Where they disagree", "What moved", "What it sees", "What it forgot")


@pytest.fixture(scope="module", autouse=True)
def recorded(server_home):
    """Record a finished experiment `made` of two seeds and 20 seconds of training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNFREEZE_HOME", str(server_home))
        for seed in (0, 1):
            for mode, right in (("full", 931), ("last-layer", 660), ("scratch", 900)):
                finished = result(mode, right + seed, seed, watch="A <b>fine</b> film.")
                fake_results.record(finished, "made", "Made <i>up</i>")
        fake_results.record(result("tfidf", 860, seconds=2), "made", "Made <i>up</i>")


def wait_for_axis(page: Page, title: str) -> None:
    """Wait until the axis of the curves has this title."""
    shown = "title => document.querySelector('.uf-plot')?.layout?.xaxis.title.text === title"
    page.wait_for_function(shown, arg=title)


def fill(page: Page, name: str, number: str) -> None:
    """Enter a number in a field of the form."""
    field = page.get_by_role("spinbutton", name=name)
    field.fill(number)
    field.press("Enter")
    wait_until_idle(page)


def verdict(page: Page) -> Locator:
    return page.locator(".uf-verdict h2")


def test_two_clicks_lead_from_home_to_the_verdict_of_an_experiment(page, server):
    page.goto(server)
    button(page, "Compare the modes").click()
    expect(page.get_by_text(f"{RUNS} runs, 3 of them for reference lines")).to_be_visible()
    fill(page, "Training texts", "600")  # of 6,000, and no click
    button(page, "Run the experiment").click()
    expect(page.get_by_role("listitem")).to_have_count(RUNS)
    expect(verdict(page)).to_contain_text("texts", timeout=TRAINING_TIMEOUT)
    expect(page.get_by_role("table")).to_contain_text("From scratch")
    expect(stop_button(page)).to_have_count(0)
    assert "experiment=" in page.url
    for name in (*TABS, "Why", "Settings"):
        page.get_by_role("tab", name=name).click()
        wait_until_idle(page)
        expect(page.get_by_role("tabpanel").last).not_to_be_empty()
        expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)


def test_a_race_survives_a_reload_keeps_its_charts_and_is_paused_and_stopped_as_a_whole(
    page, server
):
    page.goto(f"{server}/compare")
    fill(page, "Epochs", "400")  # stopped below
    button(page, "Run the experiment").click()
    lanes = page.get_by_role("listitem")
    expect(lanes.first).to_contain_text(re.compile(r"training \d+%"), timeout=TRAINING_TIMEOUT)
    expect(lanes.nth(1)).to_contain_text("waiting")
    address = page.url
    page.reload()
    points = wait_for_points(page, "accuracy")
    assert page.url == address
    plot = page.locator(".uf-plot[data-metric=accuracy]")
    expect(plot.locator(".main-svg").first).to_be_attached()  # plotly.js takes data, then draws
    node = plot.evaluate_handle("node => node.firstChild")
    wait_for_points(page, "accuracy", points)
    assert plot.evaluate("(node, before) => node.firstChild === before", node)

    button(page, "Pause").click()
    expect(button(page, "Resume")).to_be_visible(timeout=TRAINING_TIMEOUT)
    expect(page.get_by_text("Paused", exact=True)).to_be_visible()
    button(page, "Resume").click()
    expect(lanes.first).to_contain_text(re.compile(r"training \d+%"), timeout=TRAINING_TIMEOUT)
    expect(lanes.nth(1)).to_contain_text("waiting")

    stop_button(page).click()
    button(page, "Stop all").click()
    expect(verdict(page)).to_contain_text("nothing to compare", timeout=TRAINING_TIMEOUT)
    expect(page.get_by_text("Stopped", exact=True)).to_be_visible()
    button(page, "New experiment").click()
    expect(button(page, "Run the experiment")).to_be_visible()
    assert "experiment=" not in page.url


def test_a_replay_hides_the_results_and_moves_nothing(page, server):
    page.goto(f"{server}/compare?experiment=made")
    play, chart = page.locator(".uf-play"), page.locator(".uf-plot[data-metric=accuracy]")
    expect(verdict(page)).to_contain_text("Full is the most accurate")
    wait_for_points(page, "accuracy", 5)
    all_points, places = count_points(page, "accuracy"), [play.bounding_box(), chart.bounding_box()]
    play.click()
    expect(play).to_contain_text("Pause")
    play.click()  # before it reaches the end
    expect(verdict(page)).not_to_be_visible()
    expect(page.get_by_role("table")).to_have_count(0)
    wait_until_idle(page)
    assert count_points(page, "accuracy") < all_points
    watched = page.locator("figure", has_text="A <b>fine</b> film.")
    expect(watched).to_be_visible()
    assert [play.bounding_box(), chart.bounding_box()] == places
    clock = page.locator(".uf-replay output")
    time = clock.inner_text()
    page.get_by_role("radio", name="Seconds").click()  # another axis, the same time
    wait_for_axis(page, "Seconds")
    wait_until_idle(page)
    assert clock.inner_text() == time
    expect(page.locator(".uf-standings")).to_contain_text("Last layer")

    slider = page.get_by_role("slider", name="Time")
    slider.fill("10")
    sentence = page.locator(".uf-plot[data-metric=watched-0]")
    count = "node => node.data.filter(curve => curve.mode !== 'lines').map(curve => curve.x.length)"
    assert set(sentence.evaluate(count)) == {1}  # only the first answer so far
    slider.fill("990")
    page.get_by_role("radio", name=re.compile("^64")).click()
    play.click()
    expect(verdict(page)).to_be_visible()
    expect(page.get_by_role("table")).to_be_visible()
    expect(page.locator(".uf-stage .uf-plot")).to_have_count(2)
    assert count_points(page, "accuracy") == all_points
    end = button(page, "End")
    expect(end).not_to_be_visible()
    page.get_by_role("radio", name=re.compile(r"^1\D")).click()  # so that it does not reach the end
    play.click()
    end.click()
    expect(verdict(page)).to_be_visible()


def test_the_report_and_the_curves_can_be_downloaded(page, server, tmp_path):
    page.goto(f"{server}/compare?experiment=made")
    for name, start in (("Report", b"<!doctype html>"), ("Curves", b"run,name,mode,seed")):
        with page.expect_download() as download:
            page.get_by_role("button", name=re.compile(f"{name}$")).click()
        download.value.save_as(tmp_path / name)
        content = (tmp_path / name).read_bytes()
        assert content.lower().removeprefix(b"\xef\xbb\xbf").startswith(start)


def test_a_link_opens_the_same_view(page, server):
    page.goto(f"{server}/compare?experiment=made")
    over = page.get_by_role("radiogroup", name="Horizontal axis")  # not that of the sentences
    over.get_by_role("radio", name="Texts seen").click()
    page.get_by_role("tab", name="Settings").click()
    expect(page.get_by_text("Differences only")).to_be_visible()
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(page.get_by_role("tab", name="Settings")).to_have_attribute("aria-selected", "true")
    wait_for_axis(page, "Texts seen")
    expect(page.get_by_role("heading", level=1)).to_have_text("Made <i>up</i>")
