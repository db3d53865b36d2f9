"""The page of an endpoint: try it, and what it answers at which path. It loads nothing from elsewhere."""

import base64
import hashlib
import html
from pathlib import Path
from string import Template

from ftcore import colours
from ftcore.inference.text_model import TextModel

_FOLDER = Path(__file__).parent


def render(model: TextModel, has_key: bool) -> tuple[str, dict[str, str]]:
    """Return HTML and headers; they allow the page's own script and style, and requests to its endpoint."""
    theme = {
        name: " ".join(f"--{use}: {colour};" for use, colour in values.items())
        for name, values in colours.theme().items()
    }
    style = Template(_read("page.css")).substitute(theme)
    script = _read("page.js")
    content = Template(_read("page.html")).substitute(
        title=html.escape(model.title),
        style=style,
        script=script,
        key="" if has_key else "hidden",
    )
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return content, {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}


def _read(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
