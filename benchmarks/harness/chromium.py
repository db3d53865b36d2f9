"""Chromium for the browser tests and the soak, and a plotly figure drawn in it as an SVG file."""

import os
import shutil
import urllib.parse
from pathlib import Path

import plotly.graph_objects as go
from playwright.sync_api import Browser, Playwright, sync_playwright
from plotly.offline import get_plotlyjs

MISSING = "No chromium: install it, or set CHROMIUM to its path."
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def path() -> str | None:
    """The browser's path: the environment variable CHROMIUM, else the installed one."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


def launch(playwright: Playwright) -> Browser:
    """Start the browser, offline but for the pages it opens. Raises SystemExit if there is none."""
    executable = path()
    if not executable:
        raise SystemExit(MISSING)
    return playwright.chromium.launch(executable_path=executable, args=FLAGS)


def save_svg(figure: go.Figure, file: Path) -> None:
    """Draw the figure into `file`."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        page.add_script_tag(content=get_plotlyjs())
        address = page.evaluate(
            "figure => Plotly.toImage(JSON.parse(figure), {format: 'svg', width: null, height: null})",
            figure.to_json(),
        )
        browser.close()
    file.write_text(urllib.parse.unquote(address.partition(",")[2]), "utf-8")
