"""Static files that browsers cache: plotly.js from the installed package, and our own scripts."""

import hashlib
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from pages.components.shell.sign_in import url_path

FOLDER = "assets"


def _versioned_name(path: Path) -> str:
    """Return a name such as `live_chart-1a2b3c4d.js`, so that browsers never use an old version."""
    return f"{path.stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}{path.suffix}"


def _plotly_js() -> Path:
    package = find_spec("plotly")  # not imported: only the file is needed
    assert package is not None and package.origin is not None
    return Path(package.origin).parent / "package_data" / "plotly.min.js"


_SCRIPTS = {path.stem: path for path in Path(__file__).parents[1].rglob("*.js")}

PLOTLY = f"plotly-{version('plotly')}.min.js"
PLOTLY_BASE, LIVE_CHART, REPLAY, FIGURE, LAYERS = (
    _versioned_name(_SCRIPTS[name])
    for name in ("plotly_base", "live_chart", "replay", "figure", "layer_picture")
)
FILES: dict[str, Path] = {PLOTLY: _plotly_js()} | {
    _versioned_name(path): path for path in _SCRIPTS.values()
}


def asset_url(name: str) -> str:
    """Return the path of a file on this server; scripts prepend `location.origin`."""
    return url_path(f"{FOLDER}/{name}")
