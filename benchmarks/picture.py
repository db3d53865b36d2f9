"""A plotly figure as an SVG file, drawn by plotly.js in the browser that the tests use too."""

import os
import shutil
import urllib.parse
from pathlib import Path

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright
from plotly.offline import get_plotlyjs


def browser() -> str | None:
    """The path of the browser: the one that CHROMIUM names, else the installed one."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium")


def save(figure: go.Figure, file: Path) -> None:
    """Write `file`."""
    path = browser()
    if not path:
        raise SystemExit(f"No chromium to draw {file} with: install it, or name it with CHROMIUM.")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = opened.new_page()
        page.add_script_tag(content=get_plotlyjs())
        address = page.evaluate(
            "figure => Plotly.toImage(JSON.parse(figure), {format: 'svg', width: null, height: null})",
            figure.to_json(),
        )
        opened.close()
    file.write_text(urllib.parse.unquote(address.partition(",")[2]), "utf-8")
