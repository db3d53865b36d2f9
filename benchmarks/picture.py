"""A plotly figure as an SVG file, drawn by plotly.js in the browser that the tests use too."""

import os
import shutil
import urllib.parse
from pathlib import Path

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright
from plotly.offline import get_plotlyjs


def save(figure: go.Figure, file: Path) -> None:
    """Write `file`. The browser is the one that CHROMIUM names, else the installed one."""
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not browser_path:
        raise SystemExit(f"No chromium to draw {file} with: install it, or name it with CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.add_script_tag(content=get_plotlyjs())
        address = page.evaluate(
            "figure => Plotly.toImage(JSON.parse(figure), {format: 'svg', width: null, height: null})",
            figure.to_json(),
        )
        browser.close()
    file.write_text(urllib.parse.unquote(address.partition(",")[2]), "utf-8")
