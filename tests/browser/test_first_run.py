"""A newcomer's way from Home to a finished run and a prediction, in six clicks at most."""

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.helpers.browser_steps import (
    TRAINING_TIMEOUT,
    button,
    count_points,
    start_run,
    stop_button,
    wait_for_points,
)

RANGE = "() => document.querySelector('.uf-plot[data-metric=loss]').layout.xaxis.range"


@pytest.mark.parametrize("mode", ["Full", "Last layer"])
def test_six_clicks_from_home_to_a_prediction(page, server, mode):
    clicks: list[Locator] = []

    def click(target: Locator) -> None:
        target.click()
        clicks.append(target)

    page.goto(server)
    click(page.get_by_role("button", name="Start a first run"))
    if mode != "Full":
        click(page.get_by_role("radio", name=mode))
        expect(page.get_by_role("button", name=re.compile(r"^Layer 1 .* frozen$"))).to_be_visible()
    click(button(page, "Start"))

    points = wait_for_points(page, "loss")
    address, name = page.url, page.get_by_role("heading", level=1).inner_text()
    page.reload()
    points = wait_for_points(page, "loss", points - 1)  # it may be over by now
    assert page.url == address
    assert page.get_by_role("heading", level=1).inner_text() == name

    expect(button(page, "Try it")).to_be_visible(timeout=TRAINING_TIMEOUT)
    expect(page.get_by_test_id("stAlert")).to_contain_text("test texts")
    assert count_points(page, "loss") >= points
    expect(page.get_by_test_id("stMetric").first).to_contain_text("%")
    click(button(page, "Try it"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Predict")
    click(page.get_by_text("Praise", exact=True))
    expect(page.get_by_label("Text", exact=True)).to_have_value(re.compile("^A warm, funny film"))
    answer = page.get_by_test_id("stMain").get_by_text(re.compile(r"^\d+\.\d ms$")).first
    expect(answer).to_be_visible()
    assert len(clicks) <= 6


def test_charts_keep_their_node_and_zoom_while_a_run_goes_on(page, server):
    start_run(page, server, 500)
    points = wait_for_points(page, "loss", 5)
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
    points = wait_for_points(page, "loss", points)
    assert page.evaluate(RANGE) == zoomed

    page.emulate_media(color_scheme="dark")  # the same node in other colors
    page.wait_for_function(
        "['#e7eaf0', 'rgb(231, 234, 240)'].includes("
        "document.querySelector('.uf-plot').layout.font.color)"
    )
    wait_for_points(page, "loss", points)
    assert plot.evaluate("node => node.firstChild.dataset.mark") == "same"
    assert page.evaluate(RANGE) == zoomed

    page.get_by_role("radio", name="Epoch").click()  # another axis: the zoom no longer applies
    page.wait_for_function("document.querySelector('.uf-plot').layout.xaxis.title.text === 'Epoch'")
    assert page.evaluate(RANGE) != zoomed
    stop_button(page).click()
    button(page, "Stop and keep").click()
    again = button(page, "Run again with these settings")
    expect(again).to_be_visible(timeout=TRAINING_TIMEOUT)
    expect(button(page, "Try it")).to_be_visible()
