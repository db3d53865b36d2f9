"""Words of users and models as safe HTML and Markdown, readable on light and dark.

Everything that comes from outside is escaped here and nowhere else.
"""

import html
import re
from collections.abc import Mapping, Sequence

_FAINT = "rgba(128,128,128,.18)"
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")


def plain(text: str) -> str:
    """`text` for Markdown, so that each character stands for itself."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


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


def tokens(words: Sequence[str], known: Sequence[bool]) -> str:
    """Words as the model reads them; those it does not know are marked."""
    marked = "".join(
        f"<span>{html.escape(word)}</span>"
        if is_known
        else '<span title="Not in the vocabulary" style="text-decoration:underline wavy #D97706;'
        f'text-underline-offset:.2em;background:{_FAINT};border-radius:.25rem;padding:0 .25rem">'
        f"{html.escape(word)}</span>"
        for word, is_known in zip(words, known, strict=True)
    )
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:.2rem .45rem;line-height:1.6;font-size:.95rem;'
        f'overflow-wrap:anywhere">{marked}</div>'
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
