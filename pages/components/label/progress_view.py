"""How far the labels are: by class, by person, and what choosing has bought."""

from collections import Counter
from functools import lru_cache

import streamlit as st

from ftcore.active_learning import curve
from ftcore.active_learning.curve import Point
from ftcore.active_learning.proposer import Proposer
from ftcore.colours import class_colours
from ftcore.data.store import journal
from ftcore.data.store.card import PARTS, Card
from ftcore.formatting import count, listing
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_html, escape_markdown
from pages.components.text.html_fragments import progress_bar

SHOWN = 12  # classes with a bar
REFRESH_SECONDS = 3


def class_counts(card: Card) -> None:
    """Draw how many texts have a label, by class, and who gave them."""
    labelled = sum(card.sizes.values())
    st.markdown(f"{count(labelled)} of {count(card.stored)} texts have a label.")
    totals = Counter({name: sum(card.counts[part][name] for part in PARTS) for name in card.labels})
    colours, most = class_colours(card.labels), max(totals.values(), default=0) or 1
    # Few classes stay in their places, of many the largest are shown.
    shown = totals.most_common(SHOWN) if len(totals) > SHOWN else list(totals.items())
    rows = "".join(
        f'<span style="overflow-wrap:anywhere">{escape_html(name)}</span>'
        f"{progress_bar(number / most, colours[name])}"
        f'<span style="text-align:right">{count(number)}</span>'
        for name, number in shown
    )
    style = "display:grid;grid-template-columns:minmax(4rem,max-content) 1fr max-content"
    st.html(f'<div style="{style};gap:.4rem .7rem;align-items:center;font-size:.9rem">{rows}</div>')
    if len(totals) > SHOWN:
        st.caption(f"And {count(len(totals) - SHOWN)} more classes.")
    held_out = [f"{count(card.sizes[part])} {part}" for part in PARTS]
    st.caption(f"By part: {listing(held_out)}.")
    entries = journal.read(card)
    gone = {entry.takes_back for entry in entries}
    people = Counter(
        entry.by
        for number, entry in enumerate(entries, start=1)
        if entry.text >= 0 and not entry.takes_back and number not in gone
    )
    if len(people) > 1:
        each = [f"{escape_markdown(name)} {count(labels)}" for name, labels in people.most_common()]
        st.caption(f"Given by: {listing(each)}.")


@st.fragment(run_every=REFRESH_SECONDS)
def learning_view(proposer: Proposer) -> None:
    """Draw what the model learns meanwhile: its vectors, then the curve of chosen and random texts."""
    st.subheader("Does choosing pay?", anchor=False)
    with show_errors():
        _curve(proposer)


def _curve(proposer: Proposer) -> None:
    if proposer.problem:
        st.info(escape_markdown(f"All texts are drawn at random: {proposer.problem}"))
        return
    done, total = proposer.vectors
    if done < total:
        st.progress(done / total, f"Computing text vectors: {count(done)} of {count(total)} texts")
    points = tuple(proposer.points)
    st.markdown(escape_markdown(curve.verdict(points, proposer.book().pairs)))
    if len(points) > 1:
        from pages.components.charts.figure import figure

        figure(_figure(points), "label_curve", "label-curve")


@lru_cache(maxsize=8)  # the curve grows every few labels, and is drawn every REFRESH_SECONDS
def _figure(points: tuple[Point, ...]) -> str:
    from pages.components.charts.arms_figure import arms_figure  # plotly takes half a second

    return arms_figure(points).to_json()
