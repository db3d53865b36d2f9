"""Small pieces of HTML, escaped and readable on light and dark pages."""

import re
from collections.abc import Iterable, Mapping, Sequence

from pages.components.text.escaping import escape_html

MOST_BARS = 8  # classes with a bar each
FAINT = "rgba(128,128,128,.18)"
UNKNOWN_WORD = "Not in the vocabulary"
_WAVY = "text-decoration:underline wavy #D97706;text-underline-offset:.2em;"


def progress_bar(share: float, colour: str, height: str = ".8rem") -> str:
    """A bar filled up to `share`, from 0 to 1."""
    return (
        f'<span aria-hidden="true" style="height:{height};border-radius:calc({height}/2);'
        f'background:{FAINT}"><span style="display:block;height:100%;border-radius:inherit;'
        f'min-width:{2 if share else 0}px;width:{share:.2%};background:{colour}"></span></span>'
    )


def headline(parts: Sequence[tuple[str, str]]) -> str:
    """A large sentence in parts; those with a colour are underlined in it."""
    spans = "".join(
        f'<span style="border-bottom:.14em solid {colour}">{escape_html(text)}</span>'
        if colour
        else escape_html(text)
        for text, colour in parts
    )
    return (
        '<h2 style="all:unset;display:block;font-weight:600;line-height:1.5;max-width:72rem;'
        f'font-size:clamp(1.25rem,2.1vw,1.9rem);text-wrap:pretty">{spans}</h2>'
    )


def probability_bars(
    probabilities: Mapping[str, float],
    colours: Mapping[str, str],
    answered: Sequence[str],
    thresholds: Mapping[str, float],
) -> str:
    """A labelled bar per class: those answered are bold, and a mark stands at the threshold, if there is one.

    In the order of the classes; of many classes the most probable ones come first, and the rest is folded.
    Every answered one stands before the fold.
    """

    def bars(names: Sequence[str]) -> str:
        return _rows(
            _bar(name, probabilities[name], colours[name], name in answered, thresholds.get(name))
            for name in names
        )

    names = list(probabilities)
    if len(names) <= MOST_BARS:
        return bars(names)
    names.sort(key=lambda name: (name in answered, probabilities[name]), reverse=True)
    visible = max(MOST_BARS - 2, len(answered))
    first, rest = names[:visible], names[visible:]
    if not rest:
        return bars(first)
    values = [probabilities[name] for name in rest]
    # Probabilities of several labels are each its own: their sum means nothing.
    share = f"up to {max(values):.1%} each" if thresholds else f"together {sum(values):.1%}"
    return (
        f'{bars(first)}<details style="font-size:.9rem;margin-top:.45rem">'
        f'<summary style="cursor:pointer">{len(rest)} more, {share}</summary>{bars(rest)}</details>'
    )


def _bar(
    name: str, probability: float, colour: str, answered: bool, threshold: float | None
) -> str:
    mark, breakable = "", escape_html(name).replace("_", "_<wbr>")
    if threshold is not None:
        mark = (
            f'<span title="Answered from {threshold:.0%} on" style="position:absolute;top:-.15rem;'
            f'bottom:-.15rem;left:{threshold:.2%};border-left:2px solid currentColor"></span>'
        )
    return (
        f'<span style="overflow-wrap:anywhere;font-weight:{600 if answered else 400}">'
        f'{breakable}</span><span style="position:relative;display:grid">'
        f"{progress_bar(probability, colour)}{mark}</span>"
        f'<span style="text-align:right;font-variant-numeric:tabular-nums">{probability:.1%}</span>'
    )


def _rows(bars: Iterable[str]) -> str:
    return (
        '<div style="display:grid;grid-template-columns:fit-content(50%) minmax(4rem,1fr) 3.6rem;'
        f'gap:.45rem .75rem;align-items:center;font-size:.9rem">{"".join(bars)}</div>'
    )


def token_list(
    words: Sequence[str],
    known: Sequence[bool],
    gap: int | None = None,
    colours: Sequence[str] = (),
    tooltips: Sequence[str] = (),
) -> str:
    """The words that a model reads, unknown ones underlined; `gap` is where it skips some.

    With `colours`, each word has a background and, if it is known, a tooltip.
    """
    spans = []
    for number, (word, is_known) in enumerate(zip(words, known, strict=True)):
        colour = colours[number] if colours else "transparent" if is_known else FAINT
        tooltip = "".join(tooltips[number : number + 1]) if is_known else UNKNOWN_WORD
        spans.append(
            f'<span title="{escape_html(tooltip)}" style="{"" if is_known else _WAVY}'
            f'background:{colour};border-radius:.25rem;padding:0 .25rem">{escape_html(word)}</span>'
        )
    if gap is not None:
        spans.insert(gap, '<span title="Not read" style="opacity:.7">[…]</span>')
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:.2rem .1rem;line-height:1.6;'
        f'font-size:.95rem;overflow-wrap:anywhere">{"".join(spans)}</div>'
    )


def colour_legend(colours: Mapping[str, str]) -> str:
    """One line that names each colour, by meaning."""
    entries = "".join(
        '<span style="display:inline-flex;align-items:center;gap:.35rem">'
        f'<span aria-hidden="true" style="width:.8rem;height:.8rem;border-radius:.2rem;'
        f'background:{colour}"></span>{escape_html(meaning)}</span>'
        for meaning, colour in colours.items()
    )
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.85rem;opacity:.85;'
        f'margin-top:.5rem">{entries}</div>'
    )


def mark_matches(text: str, query: str) -> str:
    """`text` with every occurrence of `query` marked, ignoring case; an empty query marks nothing."""
    if not query:
        return escape_html(text)
    parts = re.split(f"({re.escape(query)})", text, flags=re.IGNORECASE)
    return "".join(
        f'<mark style="background:#FDE68A;color:#11141A;border-radius:.2rem">{escape_html(part)}</mark>'
        if number % 2
        else escape_html(part)
        for number, part in enumerate(parts)
    )


def example_text(text: str, label: str, colour: str, query: str, max_length: int) -> str:
    """A dataset's text with its class: `max_length` characters around `query`, the rest folded."""
    text = text.replace("<br />", " ")  # stands in IMDB's texts; the tokenizer skips it too
    start = max(0, text.lower().find(query.lower()) - max_length // 2) if query else 0
    before = "…" if start else ""
    excerpt = before + mark_matches(text[start : start + max_length], query)
    if len(text) > max_length:
        rest = mark_matches(text, query) if start else "…" + mark_matches(text[max_length:], query)
        excerpt = (
            f'<details><summary style="cursor:pointer;list-style:none">{excerpt}… <u>more</u></summary>'
            f'<div style="margin-top:.5rem">{rest}</div></details>'
        )
    return (
        f'<div style="border-left:.25rem solid {colour};padding:.1rem 0 .1rem .9rem;'
        f'overflow-wrap:anywhere;line-height:1.5">'
        f'<div style="font-size:.8rem;font-weight:600">{escape_html(label)}</div>'
        f'<div style="font-size:.95rem;max-width:60rem">{excerpt}</div></div>'
    )
