"""The HTML of a page: its models, what is told of them, and all that they run on."""

import base64
import gzip
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from ftcore import __version__, colours
from ftcore.formatting import MISSING

_FOLDER = Path(__file__).parent
_SCRIPTS = ("unpack.js", "words.js", "page.js")


@dataclass(frozen=True)
class PageModel:
    """A model as a page shows it."""

    title: str
    mode: str
    facts: Mapping[str, str]
    setup: Mapping[str, Any]
    """What `page.js` reads of it."""


@dataclass
class Page:
    """The parts of a page. Texts are plain; they are escaped where they enter the HTML."""

    title: str
    about: str
    """When and by what it was made, one line."""
    verdict: str
    """What a comparison found, "" for a single model."""
    models: Sequence[PageModel]
    setup: Mapping[str, Any]
    """What `page.js` reads besides its models: tokenizers, tensors, checks."""
    examples: Sequence[str]
    notes: Sequence[str]
    """Further sentences, below the facts."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    """Name → bytes that scripts unpack."""


def render(page: Page) -> str:
    """Return the page as HTML, in which no text of a user is markup or code."""
    style = Template(_read("page.css")).substitute(
        {name: _css_variables(values) for name, values in colours.theme().items()}
    )
    style += _mode_colours(page.models)
    script = "".join(map(_read, _SCRIPTS))
    setup = {**page.setup, "models": [model.setup for model in page.models]}
    parts = {
        "title": html.escape(page.title),
        "about": html.escape(page.about),
        "version": __version__,
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script),
        "verdict": f'<p class="verdict">{html.escape(page.verdict)}</p>' if page.verdict else "",
        "first": html.escape(page.examples[0]) if page.examples else "",
        "examples": _examples(page.examples),
        "models": "\n".join(map(_card, page.models)),
        "facts": _facts(page.models),
        "notes": "".join(f"<p>{html.escape(note)}</p>" for note in page.notes),
        "notices": html.escape(_read("notices.txt")),
        # No text in it ends the element.
        "setup": json.dumps(setup).replace("<", "\\u003c"),
        "blobs": "\n".join(_blob(name, content) for name, content in page.blobs.items()),
    }
    return Template(_read("page.html")).substitute(parts)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _hash(text: str) -> str:
    """As a Content Security Policy names the one script or style that it allows."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _css_variables(theme: Mapping[str, str]) -> str:
    return " ".join(f"--{use}: {colour};" for use, colour in theme.items())


def _blob(name: str, content: bytes) -> str:
    packed = base64.b64encode(gzip.compress(content, mtime=0)).decode()
    return f'<script type="application/gzip" id="{name}">{packed}</script>'


def _examples(examples: Sequence[str]) -> str:
    if len(examples) < 2:
        return ""
    buttons = "".join(f'<button type="button">{html.escape(text)}</button>' for text in examples)
    return f'<div class="examples" role="group" aria-label="Examples">{buttons}</div>'


def _card(model: PageModel) -> str:
    return (
        f'<article class="model"><h3>{html.escape(model.title)}</h3>'
        '<div class="result"></div></article>'
    )


def _mode_colours(models: Sequence[PageModel]) -> str:
    """A rule for each card: the policy allows no style in an element."""
    return "\n".join(
        f".model:nth-child({number}) {{ --mode: {colours.model_colour(model.mode)}; }}"
        for number, model in enumerate(models, start=1)
    )


def _facts(models: Sequence[PageModel]) -> str:
    """A row for each fact, a column for each model."""
    head = "".join(f'<th scope="col">{html.escape(model.title)}</th>' for model in models)
    rows = []
    for name in dict.fromkeys(name for model in models for name in model.facts):
        cells = "".join(
            f"<td>{html.escape(model.facts.get(name, MISSING))}</td>" for model in models
        )
        rows.append(f'<tr><th scope="row">{html.escape(name)}</th>{cells}</tr>')
    thead = f"<thead><tr><td></td>{head}</tr></thead>" if len(models) > 1 else ""
    return f'<div class="table"><table>{thead}<tbody>{"".join(rows)}</tbody></table></div>'
