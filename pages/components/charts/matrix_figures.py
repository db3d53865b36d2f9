"""Still charts that count test texts in a table: predicted against true classes, one run against another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ftcore.diagnostics.results import Diagnostics
from pages.components.charts.figure_parts import empty_figure, short_name, with_opacity
from pages.components.text.escaping import escape_html

FAINTEST, FULLEST = 0.08, 0.65  # opacity of a cell; the figures in it stay legible
Cell = tuple[int, int]  # row, column


def confusion(look: Diagnostics, name: str, colour: str, chosen: Cell | None = None) -> go.Figure:
    """Classes that a run predicts (columns) for the test texts of each true class (rows)."""
    counts = count_pairs(look.truth, look.answers, len(look.labels))
    names = [short_name(label) for label in look.labels]
    rows, columns = [f"is {name}" for name in names], [f"said {name}" for name in names]
    fig = empty_figure(f"{escape_html(name)} against the truth", "Share of each row.")
    add_matrix(fig, counts, counts.sum(1, keepdims=True), (rows, columns), colour, chosen)
    return fig


def agreement(
    correct: np.ndarray,
    other_correct: np.ndarray,
    names: tuple[str, str],
    colour: str,
    chosen: Cell | None = None,
) -> go.Figure:
    """Test texts that both runs, one or neither answers correctly; `names` are those of the two runs."""
    counts = count_pairs(~correct, ~other_correct, 2)
    name, other = (escape_html(name) for name in names)
    fig = empty_figure(f"{name} against {other}", "Share of all test texts.")
    rows, columns = [f"{name}<br>right", f"{name}<br>wrong"], [f"{other} right", f"{other} wrong"]
    add_matrix(fig, counts, counts.sum(), (rows, columns), colour, chosen)
    return fig


def count_pairs(rows: np.ndarray, columns: np.ndarray, classes: int) -> np.ndarray:
    """How often each pair of classes occurs, int [classes, classes]."""
    pairs = np.bincount(rows.astype(int) * classes + columns, minlength=classes**2)
    return pairs.reshape(classes, classes)


def style_as_table(fig: go.Figure) -> None:
    """Draw the axes as the head row and the first column of a table."""
    bare: dict[str, Any] = {"showgrid": False, "showline": False, "fixedrange": True, "ticks": ""}
    fig.update_xaxes(side="top", tickfont_size=14, **bare)
    fig.update_yaxes(autorange="reversed", tickfont_size=14, **bare)


def cell_style(colour: str) -> dict[str, Any]:
    """The look of a heat map whose cells (0 to 1) are the more opaque the larger they are."""
    scale = [[0, with_opacity(colour, FAINTEST)], [1, with_opacity(colour, FULLEST)]]
    style = {"colorscale": scale, "zmin": 0, "zmax": 1, "showscale": False, "xgap": 4, "ygap": 4}
    return style | {"texttemplate": "%{text}", "textfont": {"size": 15}}


def add_matrix(
    fig: go.Figure,
    counts: np.ndarray,
    totals: np.ndarray,
    names: tuple[Sequence[str], Sequence[str]],
    colour: str,
    chosen: Cell | None,
) -> None:
    """Add counts as cells, shaded by their share of `totals`, and a frame around the chosen one."""
    shares = counts / np.maximum(totals, 1)
    text = np.vectorize("{:,}<br>{:.1%}".format, otypes=[object])(counts, shares)
    fig.add_heatmap(z=shares, text=text, hoverinfo="none", **cell_style(colour))
    fig.update_layout(height=60 + 84 * len(counts))
    style_as_table(fig)
    fig.update_yaxes(tickvals=list(range(len(counts))), ticktext=names[0])
    fig.update_xaxes(tickvals=list(range(len(counts))), ticktext=names[1])
    if chosen:
        row, column = chosen
        corners = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
        frame = {"line": {"color": colour, "width": 3}, "fillcolor": "rgba(0,0,0,0)"}
        fig.add_shape(type="rect", **corners, **frame)
