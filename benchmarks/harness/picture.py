"""The browser that the tests use too, and a plotly figure as an SVG file, drawn in it."""

import os
import shutil
import urllib.parse
from pathlib import Path

import plotly.graph_objects as go
from playwright.sync_api import Browser, Playwright, sync_playwright
from plotly.offline import get_plotlyjs

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def browser() -> str | None:
    """The path of the browser: the one that CHROMIUM names, else the installed one."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


def launch(playwright: Playwright) -> Browser:
    """Open it; it asks nobody else for anything. Ends the program where there is none."""
    path = browser()
    if not path:
        raise SystemExit("No chromium: install it, or name it with CHROMIUM.")
    return playwright.chromium.launch(executable_path=path, args=FLAGS)


def save(figure: go.Figure, file: Path) -> None:
    """Write `file`."""
    with sync_playwright() as playwright:
        opened = launch(playwright)
        page = opened.new_page()
        page.add_script_tag(content=get_plotlyjs())
        address = page.evaluate(
            "figure => Plotly.toImage(JSON.parse(figure), {format: 'svg', width: null, height: null})",
            figure.to_json(),
        )
        opened.close()
    file.write_text(urllib.parse.unquote(address.partition(",")[2]), "utf-8")
