"""What a run answers against the truth: a table of the classes, or the most confused pairs of many."""

from itertools import islice, product
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ftcore.diagnostics.results import Diagnostics
from pages.components.charts.figure_parts import empty_figure, short_name, with_opacity
from pages.components.charts.label_figure import OUTCOMES, by_label, labels_drawn, outcomes
from pages.components.charts.matrix_figures import FULLEST, Cell, confusion
from pages.components.text.escaping import escape_html

MOST_CLASSES = 12  # of a table that can be read
MOST_DRAWN = 15  # pairs
MOST_LISTED = 100  # pairs in a list to choose from
ROW = 40  # pixels of a pair


def answers(look: Diagnostics, name: str, colour: str, chosen: Cell | None = None) -> go.Figure:
    """The table of true and predicted classes, or the most confused pairs of more than MOST_CLASSES."""
    if look.thresholds:
        return by_label(look, name, colour, chosen)
    if len(look.labels) <= MOST_CLASSES:
        return confusion(look, name, colour, chosen)
    pairs = list(confused_pairs(look).items())[:MOST_DRAWN]
    wrong = int((~look.right).sum())
    shown = sum(count for _, count in pairs)
    caption = f"{shown:,} of {wrong:,} mistakes. Share of the texts of the true class."
    fig = empty_figure(f"What {escape_html(name)} confuses most", caption, 60 + ROW * len(pairs))
    texts = np.bincount(look.truth, minlength=len(look.labels))
    fills = [colour if cell == chosen else with_opacity(colour, FULLEST) for cell, _ in pairs]
    fig.add_bar(
        x=[count for _, count in pairs],
        y=list(range(len(pairs))),
        orientation="h",
        marker={"color": fills},
        text=[f"{count:,} ({count / texts[row]:.0%})" for (row, _), count in pairs],
        textposition="outside",
        textfont={"size": 14},
        cliponaxis=False,
        customdata=[f"{row}-{column}" for (row, column), _ in pairs],
        hoverinfo="none",
    )
    names = [short_name(label) for label in look.labels]
    rows = [f"is {names[row]}<br>said {names[column]}" for (row, column), _ in pairs]
    bare: dict[str, Any] = {"showgrid": False, "showline": False, "fixedrange": True, "ticks": ""}
    longest = max((count for _, count in pairs), default=1)
    fig.update_xaxes(visible=False, fixedrange=True, range=[0, 1.3 * longest])
    fig.update_yaxes(autorange="reversed", tickvals=list(range(len(rows))), ticktext=rows, **bare)
    fig.update_yaxes(ticklabelstandoff=8)
    fig.update_layout(bargap=0.25)
    return fig


def cell_of(point: dict[str, Any]) -> str:
    """The cell (row-column) of a point that was clicked in a table or among the pairs."""
    return point["customdata"] or f"{int(point['y'])}-{int(point['x'])}"


def in_cell(look: Diagnostics, cell: Cell) -> np.ndarray:
    """Which test texts a cell counts, bool [texts]."""
    row, column = cell
    if look.thresholds:
        return outcomes(look, labels_drawn(look)[row])[column]
    return (look.truth == row) & (look.answers == column)


def cells(look: Diagnostics) -> dict[str, str]:
    """The names of the cells (row-column)."""
    labels = look.labels
    if look.thresholds:
        return {
            f"{row}-{column}": f"{labels[label]}, {name}"
            for row, label in enumerate(labels_drawn(look))
            for column, name in enumerate(OUTCOMES)
        }
    pairs = product(range(len(labels)), repeat=2)
    if len(labels) > MOST_CLASSES:
        pairs = islice(confused_pairs(look), MOST_LISTED)
    return {f"{row}-{column}": f"{labels[row]}, said {labels[column]}" for row, column in pairs}


def confused_pairs(look: Diagnostics) -> dict[Cell, int]:
    """How many texts of one class (row) got the answer of another (column), the most frequent pairs first."""
    answers, wrong = look.answers, ~look.right
    codes, counts = np.unique(
        look.truth[wrong] * len(look.labels) + answers[wrong], return_counts=True
    )
    order = np.argsort(-counts, kind="stable")
    return {
        (int(code) // len(look.labels), int(code) % len(look.labels)): int(count)
        for code, count in zip(codes[order], counts[order], strict=True)
    }
