"""Files that the browser fetches once: plotly.js out of the installed plotly, and our own scripts."""

import hashlib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import streamlit as st

FOLDER = "assets"


def _named_by_content(path: Path) -> str:
    """`live_chart.js` → `live_chart-1a2b3c4d.js`, so that a browser never keeps an old one."""
    return f"{path.stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}{path.suffix}"


def _plotly_js() -> Path:
    package = find_spec("plotly")  # found, not imported: the server needs only the file
    assert package is not None and package.origin is not None
    return Path(package.origin).parent / "package_data" / "plotly.min.js"


_SCRIPTS = {path.stem: path for path in Path(__file__).parents[1].rglob("*.js")}

PLOTLY = f"plotly-{version('plotly')}.min.js"
PLOTLY_BASE, LIVE_CHART, REPLAY, FIGURE, LAYERS = (
    _named_by_content(_SCRIPTS[name])
    for name in ("plotly_base", "live_chart", "replay", "figure", "layer_picture")
)
FILES: dict[str, Path] = {PLOTLY: _plotly_js()} | {
    _named_by_content(path): path for path in _SCRIPTS.values()
}


def address(name: str) -> str:
    """The path of a file on this server; scripts put `location.origin` before it."""
    base = st.get_option("server.baseUrlPath").strip("/")
    return "/".join(["", *([base] if base else []), FOLDER, name])
