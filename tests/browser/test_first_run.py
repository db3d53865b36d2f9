"""The way of a newcomer: from Home to a finished fine-tuning and a prediction, in six clicks at most."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PATIENCE, button, stop

POINTS = """() => {
  const plot = document.querySelector('.uf-plot[data-metric=loss]');
  return plot && plot.data ? plot.data.reduce((sum, curve) => sum + curve.x.length, 0) : 0;
}"""
RANGE = "() => document.querySelector('.uf-plot[data-metric=loss]').layout.xaxis.range"


class Clicks:
    """Clicks, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, target: Locator) -> None:
        target.click()
        self.count += 1


def grow(page: Page, than: int = 0) -> int:
    """Wait until the charts hold more points than that; their number."""
    page.wait_for_function(f"than => ({POINTS})() > than", arg=than, timeout=PATIENCE)
    return int(page.evaluate(POINTS))


@pytest.mark.parametrize("mode", ["Full", "Last layer"])
def test_six_clicks_from_home_to_a_prediction(page: Page, server: str, mode: str) -> None:
    click = Clicks()
    page.goto(server)
    click(page.get_by_role("button", name="Start a first run"))
    if mode != "Full":
        click(page.get_by_role("radio", name=mode))
        expect(page.get_by_role("button", name=re.compile(r"^Layer 1 .* frozen$"))).to_be_visible()
    click(button(page, "Start"))

    points = grow(page)
    address, name = page.url, page.get_by_role("heading", level=1).inner_text()
    page.reload()
    points = grow(page, points if mode == "Full" else 0)
    assert page.url == address
    assert page.get_by_role("heading", level=1).inner_text() == name

    expect(button(page, "Try it")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("stAlert")).to_contain_text("test texts")
    assert page.evaluate(POINTS) >= points
    expect(page.get_by_test_id("stMetric").first).to_contain_text("%")
    click(button(page, "Try it"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Predict")
    click(page.get_by_text("Praise", exact=True))
    expect(page.get_by_label("Text", exact=True)).to_have_value(re.compile("^A warm, funny film"))
    answer = page.get_by_test_id("stMain").get_by_text(re.compile(r"^\d+\.\d ms$")).first
    expect(answer).to_be_visible()
    assert click.count <= 6


def test_charts_keep_their_node_and_zoom_while_a_run_goes_on(page: Page, server: str) -> None:
    page.goto(f"{server}/train")
    page.get_by_role("spinbutton", name="Epochs").fill("500")  # it is stopped below
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Quick")).not_to_be_checked()
    button(page, "Start").click()
    points = grow(page, 5)
    plot = page.locator(".uf-plot[data-metric=loss]")
    plot.evaluate("node => { node.firstChild.dataset.mark = 'same'; }")
    box = plot.locator(".nsewdrag").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=5)
    page.mouse.up()
    page.wait_for_function("document.querySelector('.uf-plot').layout.xaxis.autorange === false")
    zoomed = page.evaluate(RANGE)
    points = grow(page, points)
    assert page.evaluate(RANGE) == zoomed

    page.emulate_media(color_scheme="dark")  # the same node, drawn in other colours
    page.wait_for_function(
        "document.querySelector('.uf-plot').layout.font.color.includes('231') || "
        "document.querySelector('.uf-plot').layout.font.color === '#e7eaf0'"
    )
    grow(page, points)
    assert plot.evaluate("node => node.firstChild.dataset.mark") == "same"
    assert page.evaluate(RANGE) == zoomed

    page.get_by_role("radio", name="Epoch").click()  # another axis: the zoom would make no sense
    page.wait_for_function("document.querySelector('.uf-plot').layout.xaxis.title.text === 'Epoch'")
    assert page.evaluate(RANGE) != zoomed
    stop(page).click()
    button(page, "Stop and keep").click()
    expect(button(page, "Run again with these settings")).to_be_visible(timeout=PATIENCE)
    expect(button(page, "Try it")).to_be_visible()


@pytest.mark.parametrize("path", ["", "train", "predict", "runs", "checkpoints", "data"])
def test_no_page_is_wider_than_a_phone(page: Page, server: str, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server}/{path}")
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    wide = page.locator("[data-testid=stMain]").evaluate(
        "main => main.scrollWidth - main.clientWidth"
    )
    assert wide <= 0
