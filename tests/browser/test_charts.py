"""Charts, the picture of the model and the report, as only a browser shows them."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Position, ViewportSize, expect

from ftcore.data import datasets
from ftcore.diagnostics import dataset_texts
from pages.components.charts import live_chart
from pages.components.compare import report
from pages.components.shell import assets
from tests.helpers import fake_results
from tests.helpers.browser_steps import UI_TIMEOUT

TEXTS = [f"review {row} <b>of</b> a film" for row in range(400)]


@pytest.fixture(scope="module", autouse=True)
def recorded(server_home):
    """Record a finished experiment `made` with diagnostics."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNFREEZE_HOME", str(server_home))
        for result in fake_results.experiment(("full", "last-layer")):
            fake_results.record(result, "made", "Made up")
        texts, names = datasets.Texts(TEXTS, [0] * len(TEXTS)), ("made", "Made")
        splits = fake_results.LABELS, texts, texts
        dataset_texts.store(datasets.TextDataset(*names, *splits, "here", True, "made"))


def blocks(page: Page) -> list[str]:
    """The state of each block, the last layer first."""
    return [block.get_attribute("data-state") or "" for block in page.locator(".uf-block").all()]


def figure(page: Page, title: str) -> Locator:
    return page.locator(".uf-figure").filter(has_text=title)


def plot_of(page: Page, title: str) -> Locator:
    """The plot below a title, once it is drawn."""
    plot = figure(page, title).locator(".js-plotly-plot")
    expect(plot).to_be_visible(timeout=UI_TIMEOUT)
    return plot


def test_a_block_is_frozen_and_thawed_by_keyboard_and_mouse(page, server):
    page.goto(f"{server}/train")
    layer = page.get_by_role("button", name=re.compile("^Layer 1 "))
    expect(layer).to_have_attribute("aria-pressed", "true")
    layer.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Custom")).to_be_checked()
    expect(layer).to_have_attribute("aria-pressed", "false")
    expect(layer).to_be_focused()
    page.get_by_role("button", name=re.compile("^New last layer ")).click()
    page.get_by_text("More settings").click()
    expect(page.get_by_label("Groups that train")).to_have_value("layer 2, word vectors")
    assert blocks(page) == ["frozen", "trains", "frozen", "trains"]
    page.get_by_role("radio", name="Gradual").click()
    expect(layer).to_contain_text("from epoch 3")
    page.get_by_role("radio", name="Last 2 groups").click()
    expect(layer).to_contain_text("frozen")
    assert blocks(page) == ["trains", "trains", "frozen", "frozen"]


def test_charts_keep_their_node_in_another_theme_and_are_saved_as_pictures(page, server, tmp_path):
    page.goto(f"{server}/compare?experiment=made")
    plot = plot_of(page, "Test accuracy over training time")
    node = plot.evaluate_handle("node => node.firstChild")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "document.querySelector('.uf-figure .js-plotly-plot').layout.font.color === '#e7eaf0'"
    )
    assert plot.evaluate("(node, before) => node.firstChild === before", node)
    for kind, start in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        with page.expect_download() as download:
            figure(page, "Test accuracy over").get_by_role("button", name=f"Save as {kind}").click()
        assert download.value.suggested_filename == f"unfreeze-trade-off.{kind.lower()}"
        download.value.save_as(tmp_path / kind)
        assert (tmp_path / kind).read_bytes().startswith(start)
    assert "Test accuracy over training time" in (tmp_path / "SVG").read_text()


def test_clicking_a_cell_or_a_point_shows_its_texts(page, server):
    page.goto(f"{server}/compare?experiment=made&tab=Where+they+disagree")
    cells = plot_of(page, "Full against the truth").locator(".nsewdrag")
    box = cells.bounding_box()
    assert box is not None
    upper_right: Position = {"x": box["width"] * 0.75, "y": box["height"] * 0.25}
    cells.hover(position=upper_right)
    cells.click(position=upper_right)
    expect(page.get_by_role("radio", name="negative, said positive")).to_be_checked()
    expect(page.get_by_text(re.compile("^negative · Full: positive"))).to_have_count(10)
    expect(page.get_by_text(re.compile(r"^review \d+ <b>of</b> a film$"))).to_have_count(10)

    page.get_by_role("tab", name="What it sees").click()
    plot = plot_of(page, "What Full sees")
    plot.scroll_into_view_if_needed()
    x, y = plot.evaluate(
        """plot => {
          const {x, y} = plot._fullData[0], {xaxis, yaxis} = plot._fullLayout;
          const box = plot.getBoundingClientRect();
          return [box.x + xaxis._offset + xaxis.d2p(x[0]), box.y + yaxis._offset + yaxis.d2p(y[0])];
        }"""
    )
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)
    expect(plot.locator(".hoverlayer")).to_contain_text("<b>of</b> a film")
    page.mouse.click(x, y)
    expect(page.get_by_text(re.compile(r"^(negative|positive) · Full: "))).to_be_visible()


def test_a_chart_can_be_removed_while_it_is_drawn(page, server):
    """As when a run ends or the page is left at that moment; `page` fails on any error."""
    history = fake_results.history((0.5, 0.6, 0.7), 20)
    curves = live_chart.pack(
        [live_chart.Trace("one", "One", "#2563EB", history)],
        "step",
        "",
        {"loss": "Loss", "accuracy": "Accuracy"},
    )
    layout = {"title": {"text": "T"}, "height": 300}
    still = json.dumps({"data": [{"x": [1, 2], "y": [1, 2]}], "layout": layout})
    scripts = [assets.PLOTLY_BASE, assets.LIVE_CHART, assets.FIGURE, assets.PLOTLY]
    page.goto(server)
    page.evaluate(
        """async ([[...scripts], curves, figure_json]) => {
          const plotly = scripts.pop(), still = {figure: figure_json, name: "t"};
          const [base, chart, figure] = await Promise.all(scripts.map((path) => import(path)));
          const data = Uint8Array.from(curves);
          const parts = [
            (parent) => chart.draw({ data, parentElement: parent }, plotly, base),
            (parent) => figure.draw({ data: still, parentElement: parent }, plotly, base),
          ];
          for (const draw of [...parts, ...parts]) {
            const parent = document.createElement("div");
            document.body.append(parent);
            const close = await draw(parent);
            parent.remove();
            close();
          }
          const gone = document.createElement("div"); // removed before it is drawn
          for (const draw of parts) (await draw(gone))?.();
          await new Promise((later) => setTimeout(later, 300));
        }""",
        [[assets.asset_url(name) for name in scripts], list(curves), still],
    )


def test_the_report_draws_all_figures_without_a_server(chromium, tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_texts, "load", lambda fingerprint: TEXTS)
    file = tmp_path / "report.html"
    file.write_bytes(report.html(fake_results.experiment(seeds=(0, 1))))
    phone: ViewportSize = {"width": 390, "height": 844}
    page = chromium.new_page(offline=True, color_scheme="dark", viewport=phone)
    requested, messages, errors = [], [], []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda message: messages.append(message.type))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())
    count = page.locator("[data-figure]").count()
    drawn = page.locator(".js-plotly-plot:has(.main-svg)")
    expect(drawn).to_have_count(count, timeout=UI_TIMEOUT * 4)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as PNG").first.click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    page.close()
    assert all(url.startswith(("file:", "blob:")) for url in requested)
    assert not errors and "error" not in messages
