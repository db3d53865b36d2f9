"""Words of users and models as safe HTML, Markdown and CSV, readable on light and dark.

Everything that comes from outside is escaped here and nowhere else.
"""

import html
import re
from collections.abc import Mapping, Sequence

import pandas as pd

_FAINT = "rgba(128,128,128,.18)"
_UNKNOWN = "Not in the vocabulary"
_WAVY = "text-decoration:underline wavy #D97706;text-underline-offset:.2em;"
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")


def plain(text: str) -> str:
    """`text` for Markdown, so that each character stands for itself."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def cells(table: pd.DataFrame) -> pd.DataFrame:
    """A table for a CSV that a spreadsheet opens: no text in it is a formula."""
    return table.map(_cell).rename(columns=_cell)


def _cell(value: object) -> object:
    formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if formula else value


def bars(probabilities: Mapping[str, float], colours: Mapping[str, str]) -> str:
    """A labelled bar a class, in the classes' own order, so that models compare at a glance."""
    best = max(probabilities, key=probabilities.__getitem__)
    rows = "".join(
        f'<span style="overflow-wrap:anywhere;font-weight:{600 if label == best else 400}">'
        f"{html.escape(label)}</span>"
        f'<span aria-hidden="true" style="height:.8rem;border-radius:.4rem;background:{_FAINT}">'
        f'<span style="display:block;height:100%;border-radius:.4rem;min-width:2px;'
        f'width:{share:.2%};background:{colours[label]}"></span></span>'
        f'<span style="text-align:right;font-variant-numeric:tabular-nums">{share:.1%}</span>'
        for label, share in probabilities.items()
    )
    return (
        '<div style="display:grid;grid-template-columns:minmax(4.5rem,max-content) 1fr 3.6rem;'
        f'gap:.45rem .75rem;align-items:center;font-size:.9rem">{rows}</div>'
    )


def tokens(words: Sequence[str], known: Sequence[bool], gap: int | None = None) -> str:
    """Words as the model reads them; those it does not know are marked, and the gap where it skips some."""
    marked = [
        f"<span>{html.escape(word)}</span>" if is_known else _word(word, _UNKNOWN, _FAINT, _WAVY)
        for word, is_known in zip(words, known, strict=True)
    ]
    return _flow(marked, gap, between=".45rem")


def shaded(
    words: Sequence[str],
    known: Sequence[bool],
    fills: Sequence[str],
    hints: Sequence[str],
    gap: int | None = None,
) -> str:
    """The same with a background for each word, and a hint where one points at it."""
    marked = [
        _word(word, hint, fill) if is_known else _word(word, _UNKNOWN, fill, _WAVY)
        for word, is_known, fill, hint in zip(words, known, fills, hints, strict=True)
    ]
    return _flow(marked, gap, between=".1rem")


def _word(word: str, hint: str, fill: str, style: str = "") -> str:
    return (
        f'<span title="{html.escape(hint)}" style="{style}background:{fill};border-radius:.25rem;'
        f'padding:0 .25rem">{html.escape(word)}</span>'
    )


def _flow(words: list[str], gap: int | None, between: str) -> str:
    if gap is not None:
        words = [*words[:gap], '<span title="Not read" style="opacity:.7">[…]</span>', *words[gap:]]
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:.2rem {between};line-height:1.6;'
        f'font-size:.95rem;overflow-wrap:anywhere">{"".join(words)}</div>'
    )


def legend(colours: Mapping[str, str]) -> str:
    """What each colour means, in a line."""
    shown = "".join(
        '<span style="display:inline-flex;align-items:center;gap:.35rem">'
        f'<span aria-hidden="true" style="width:.8rem;height:.8rem;border-radius:.2rem;'
        f'background:{colour}"></span>{html.escape(meaning)}</span>'
        for meaning, colour in colours.items()
    )
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.85rem;opacity:.85;'
        'margin-top:.5rem">'
        f"{shown}</div>"
    )


def found(text: str, query: str) -> str:
    """`text` with every occurrence of `query` marked, whatever the case; empty marks nothing."""
    if not query:
        return html.escape(text)
    parts = re.split(f"({re.escape(query)})", text, flags=re.IGNORECASE)
    return "".join(
        f'<mark style="background:#FDE68A;color:#11141A;border-radius:.2rem">{html.escape(part)}</mark>'
        if number % 2
        else html.escape(part)
        for number, part in enumerate(parts)
    )


def example(text: str, label: str, colour: str, query: str, most: int) -> str:
    """One text of a dataset with its class: `most` characters about what was searched, the rest folded."""
    text = text.replace("<br />", " ")  # of IMDB's pages; the tokenizer skips it too
    start = max(0, text.lower().find(query.lower()) - most // 2) if query else 0
    excerpt = f"{'…' if start else ''}{found(text[start : start + most], query)}"
    if len(text) > most:
        rest = text if start else text[most:]
        excerpt = (
            f'<details><summary style="cursor:pointer;list-style:none">{excerpt}… <u>more</u></summary>'
            f'<div style="margin-top:.5rem">{"" if start else "…"}{found(rest, query)}</div></details>'
        )
    return (
        f'<div style="border-left:.25rem solid {colour};padding:.1rem 0 .1rem .9rem;'
        f'overflow-wrap:anywhere;line-height:1.5">'
        f'<div style="font-size:.8rem;font-weight:600">{html.escape(label)}</div>'
        f'<div style="font-size:.95rem;max-width:60rem">{excerpt}</div></div>'
    )
