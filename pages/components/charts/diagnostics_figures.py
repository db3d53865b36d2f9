"""Still charts of what happened inside: how far layers moved, what was forgotten, seen and answered."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from ftcore.diagnostics.insights import Insights
from ftcore.experiments.comparison import Side
from pages.components.charts.comparison_figures import base, colours, see_through
from pages.components.charts.palette import class_colours
from pages.components.text.escaping import escape_html
from pages.components.text.labels import group_title

FAINTEST, FULLEST = 0.08, 0.65  # opacity of a cell, so that what is written in it stays legible
HOVER_LENGTH, HOVER_LINE = 130, 60  # characters of a text at a point
COLUMN = 8  # characters of a line above a column, as much as a phone has room for
GREY = "#808080"


def moved(found: Sequence[Side]) -> go.Figure:
    """Relative change of the weights by layer group, a column a side, each in its colour."""
    fig = base(
        "How far each layer moved",
        "Change of the weights, relative to where they began; the new last layer began at random.",
    )
    change = {side.label: moves(side) for side in found}
    groups = list(dict.fromkeys(name for one in change.values() for name in one))
    there = [move for one in change.values() for move in one.values() if move > 0]
    for number, (side, colour) in enumerate(zip(found, colours(found), strict=True)):
        column = [change[side.label].get(group, 0.0) for group in groups]
        fig.add_heatmap(
            x=[number],
            y=[group_title(group) for group in groups],
            z=[[_share_of_log(move, there)] for move in column],
            text=[[_amount(move)] for move in column],
            **_cells(colour),
            hovertemplate=f"{escape_html(side.label)}, %{{y}}: %{{text}}<extra></extra>",
        )
    fig.update_layout(height=80 + 58 * len(groups))
    _as_table(fig)
    fig.update_xaxes(
        tickvals=list(range(len(found))), ticktext=[_in_lines(side.label, COLUMN) for side in found]
    )
    return fig


def forgot(found: Sequence[Side]) -> go.Figure:
    """Accuracy on the source task before and after; of sides where it was measured."""
    known = [(side, measured) for side in found if (measured := forgotten(side)) is not None]
    task, texts = known[0][1]["task"], int(known[0][1]["texts"])
    fig = base(
        f"Accuracy on {escape_html(str(task))}, which it had learned before",
        f"Tick: before. Dot: after. {texts:,} test texts, through the old last layer.",
        height=60 + 60 * len(known),
    )
    for (side, measured), colour in zip(known, colours([side for side, _ in known]), strict=True):
        before, after = float(measured["before"]), float(measured["after"])
        name = f"<b>{escape_html(side.label)}</b><br>{before:.1%} → {after:.1%}"
        fig.add_scatter(
            x=[before, after],
            y=[name, name],
            mode="lines",
            hoverinfo="skip",
            line={"color": colour, "width": 4},
        )
        fig.add_scatter(
            x=[before],
            y=[name],
            mode="markers",
            hovertemplate="before: %{x:.1%}<extra></extra>",
            marker={"size": 20, "symbol": "line-ns", "line": {"width": 4, "color": GREY}},
        )
        fig.add_scatter(
            x=[after],
            y=[name],
            mode="markers",
            hovertemplate="after: %{x:.1%}<extra></extra>",
            marker={"size": 15, "color": colour},
            cliponaxis=False,
        )
    ends = [float(measured[when]) for _, measured in known for when in ("before", "after")]
    fig.update_xaxes(tickformat=".0%", range=[max(0, min(ends) - 0.05), max(ends) + 0.03])
    fig.update_yaxes(autorange="reversed", showgrid=False, ticks="", tickfont={"size": 14})
    return fig


def vectors(look: Insights, texts: Sequence[str], title: str) -> go.Figure:
    """Test texts as the body sees them, before and after; `texts` are those of `look.rows`."""
    fig = base(
        title,
        "Each point is a test text; those that lie together look alike to the model.",
        height=440,
        legend=True,
    )
    shades = class_colours(look.labels)
    truth, answers = look.truth[look.rows], look.probabilities[look.rows]
    hover = np.array([hover_text(text) for text in texts], dtype=object)
    said = np.array([escape_html(look.labels[one]) for one in answers.argmax(1)], dtype=object)
    for side, points in (("", look.before), ("2", look.after)):
        for number, label in enumerate(look.labels):
            here = truth == number
            fig.add_scattergl(
                x=points[here, 0],
                y=points[here, 1],
                xaxis=f"x{side}",
                yaxis=f"y{side}",
                mode="markers",
                name=escape_html(label),
                legendgroup=label,
                showlegend=not side,
                marker={"color": shades[label], "size": 5, "opacity": 0.7},
                text=hover[here],
                customdata=np.c_[np.flatnonzero(here), said[here]],
                meta=escape_html(label),
                hovertemplate="%{text}<br>Answer: %{customdata[1]}<extra>%{meta}</extra>"
                if side
                else "%{text}<extra>%{meta}</extra>",
            )
    bare = {
        "showticklabels": False,
        "showgrid": False,
        "zeroline": False,
        "mirror": True,
        "ticks": "",
    }
    fig.update_layout(
        xaxis={**bare, "domain": [0, 0.49], "showline": True},
        yaxis={**bare, "showline": True},
        xaxis2={**bare, "domain": [0.51, 1], "anchor": "y2", "showline": True},
        yaxis2={**bare, "anchor": "x2", "showline": True},
        margin={"t": 34},
    )
    for name, at in (("Before", 0.0), ("After", 0.51)):
        fig.add_annotation(
            text=f"<b>{name}</b>",
            x=at,
            y=1,
            xref="paper",
            yref="paper",
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            yshift=4,
        )
    return fig


def confusion(
    look: Insights, title: str, colour: str, chosen: tuple[int, int] | None = None
) -> go.Figure:
    """What was said of the test texts of each class; a cell lies at x = answer, y = truth."""
    counts = confused(look.truth, look.probabilities.argmax(1), len(look.labels))
    names = [escape_html(label) for label in look.labels]
    fig = base(title, "Share of each row.")
    _matrix(fig, counts, counts.sum(1, keepdims=True), colour, chosen)
    _name_cells(fig, [f"is {name}" for name in names], [f"said {name}" for name in names])
    return fig


def against(
    right: np.ndarray,
    other: np.ndarray,
    names: tuple[str, str],
    colour: str,
    chosen: tuple[int, int] | None = None,
) -> go.Figure:
    """Texts that both, one or neither has right; a cell lies at x = other wrong, y = wrong."""
    counts = confused(~right, ~other, 2)
    one, two = (escape_html(name) for name in names)
    fig = base(f"{one} against {two}", "Share of all test texts.")
    _matrix(fig, counts, counts.sum(), colour, chosen)
    _name_cells(fig, [f"{one}<br>right", f"{one}<br>wrong"], [f"{two} right", f"{two} wrong"])
    return fig


def confused(rows: np.ndarray, columns: np.ndarray, classes: int) -> np.ndarray:
    """How often each pair occurs [classes, classes]."""
    pairs = np.bincount(rows.astype(int) * classes + columns, minlength=classes**2)
    return pairs.reshape(classes, classes)


def hover_text(text: str) -> str:
    """A text's start in short lines, as plotly's markup."""
    start = text[: 4 * HOVER_LENGTH].replace("<br />", " ")  # to take a review apart takes long
    start = textwrap.shorten(start, HOVER_LENGTH, placeholder=" …")
    return _in_lines(start, HOVER_LINE)


def forgotten(side: Side) -> dict[str, float | str] | None:
    """What `insights` measured on the source task, as a mean over seeds; None where it did not."""
    found = [one.insights.forgot for one in side.results if one.insights and one.insights.forgot]
    if not found:
        return None
    means = {when: float(np.mean([one[when] for one in found])) for when in ("before", "after")}
    return found[0] | means


def _in_lines(text: str, length: int) -> str:
    return "<br>".join(escape_html(line) for line in textwrap.wrap(text, length))


def _matrix(
    fig: go.Figure,
    counts: np.ndarray,
    total: np.ndarray,
    colour: str,
    chosen: tuple[int, int] | None,
) -> None:
    """Counts as cells, shaded by their share of a total; the chosen one has a frame."""
    share = counts / np.maximum(total, 1)
    text = [
        [f"{count:,}<br>{part:.1%}" for count, part in zip(*row, strict=True)]
        for row in zip(counts, share, strict=True)
    ]
    fig.add_heatmap(
        z=share,
        text=text,
        hoverinfo="none",
        **_cells(colour),
    )
    fig.update_layout(height=60 + 84 * len(counts))
    if chosen:
        row, column = chosen
        fig.add_shape(
            type="rect",
            x0=column - 0.5,
            x1=column + 0.5,
            y0=row - 0.5,
            y1=row + 0.5,
            line={"color": colour, "width": 3},
            fillcolor="rgba(0,0,0,0)",
        )


def _name_cells(fig: go.Figure, rows: Sequence[str], columns: Sequence[str]) -> None:
    _as_table(fig)
    fig.update_xaxes(tickvals=list(range(len(columns))), ticktext=columns)
    fig.update_yaxes(tickvals=list(range(len(rows))), ticktext=rows)


def _as_table(fig: go.Figure) -> None:
    bare = {
        "showgrid": False,
        "showline": False,
        "fixedrange": True,
        "ticks": "",
        "tickfont": {"size": 14},
    }
    fig.update_xaxes(side="top", **bare)
    fig.update_yaxes(autorange="reversed", **bare)


def _cells(colour: str) -> dict[str, object]:
    """A heat map's look: the more, the less of the background is seen."""
    return {
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "xgap": 4,
        "ygap": 4,
        "colorscale": [[0, see_through(colour, FAINTEST)], [1, see_through(colour, FULLEST)]],
        "texttemplate": "%{text}",
        "textfont": {"size": 15},
    }


def moves(side: Side) -> dict[str, float]:
    """Relative change of each layer group, as a mean over seeds; empty where it is not known."""
    looks = [one.insights for one in side.results if one.insights and one.insights.moved]
    names = looks[0].moved if looks else {}
    return {name: float(np.mean([look.moved.get(name, 0.0) for look in looks])) for name in names}


def _share_of_log(move: float, there: Sequence[float]) -> float:
    low, high = min(there) / 2, max(there)
    return math.log(max(move, low) / low) / math.log(high / low) if move > 0 else 0.0


def _amount(move: float) -> str:
    if not move:
        return "frozen"
    if move < 0.0005:
        return "&lt; 0.1%"
    return f"{move:.0%}" if move >= 0.1 else f"{move:.1%}"
