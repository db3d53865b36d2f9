"""A finished learning curve in a browser: its sentence, its chart, its table, on wide and narrow pages."""

import pytest
from playwright.sync_api import expect

from tests.helpers import fake_results
from tests.helpers.browser_steps import expect_no_overflow

RIGHTS = {
    "full": {50: 550, 100: 700, 200: 790, 400: 840},
    "last-layer": {50: 700, 100: 720, 200: 730, 400: 735},
    "tfidf": {50: 600, 100: 680, 200: 740, 400: 780},
    "majority": {50: 500},
}


@pytest.fixture(scope="module")
def curve(server_home):
    """The id of a learning curve in the server's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNFREEZE_HOME", str(server_home))
        for result in fake_results.learning_curve(RIGHTS, [0]):
            fake_results.record(result, "labels", "How many labels")
    return "labels"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_sentence_chart_and_table_fit(chromium, curve, server, scheme, width):
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(f"{server}/compare?experiment={curve}")
    expect(page.get_by_role("heading", name="texts Last layer is")).to_be_visible()
    expect(page.locator(".uf-figure .xtick text").first).to_be_visible()
    ticks = page.locator(".uf-figure .xtick text").all_text_contents()
    assert ticks == ["50", "100", "200", "400", "800"]
    # The dotted line at the crossing stands between the sizes that it lies between.
    line = page.locator(".uf-figure .shapelayer path").last.bounding_box()
    left, right = (page.locator(".uf-figure .xtick text").nth(n).bounding_box() for n in (0, 2))
    assert left["x"] < line["x"] < right["x"]
    expect_no_overflow(page)
    page.context.close()
