"""Still charts of a run's diagnostics: how far its layers moved, what it forgot, how it sees the texts."""

import math
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ftcore import answers as answering
from ftcore.colours import class_colours
from ftcore.diagnostics.results import Diagnostics
from ftcore.experiments.comparison import Side
from pages.components.charts.figure_parts import GREY, empty_figure
from pages.components.charts.matrix_figures import cell_style, style_as_table
from pages.components.charts.tradeoff_figure import side_colours
from pages.components.text.escaping import escape_html
from pages.components.text.labels import group_title

HOVER_LENGTH, HOVER_LINE = 130, 60  # characters of a text at a point, and of one of its lines
MAP_CLASSES = 10  # with a colour each
COLUMN = 8  # characters in a line above a column, as many as fit on a phone


def weight_changes(sides: Sequence[Side]) -> go.Figure | None:
    """Relative change of the weights by layer group, a column for each side; None if never measured."""
    sides = [side for side in sides if seed_mean(side, "moved")]
    if not sides:
        return None
    caption = "relative to where they began; the new last layer began at random."
    fig = empty_figure("How far each layer moved", f"Change of the weights, {caption}")
    by_side = [seed_mean(side, "moved") for side in sides]
    groups = list(dict.fromkeys(group for changes in by_side for group in changes))
    positive = [change for changes in by_side for change in changes.values() if change > 0]
    for number, (side, colour) in enumerate(zip(sides, side_colours(sides), strict=True)):
        changes = [by_side[number].get(group, 0.0) for group in groups]
        shares = [[_log_share(change, positive)] for change in changes]
        # The best weights may be those that the run began with, which are not all frozen ones.
        start_is_best = all(result.run.metrics.get("best_step") == 0 for result in side.results)
        text = [[_change_text(change, "0%" if start_is_best else "frozen")] for change in changes]
        hover = f"{escape_html(side.label)}, %{{y}}: %{{text}}<extra></extra>"
        style = cell_style(colour) | {"text": text, "hovertemplate": hover}
        fig.add_heatmap(x=[number], y=list(map(group_title, groups)), z=shares, **style)
    fig.update_layout(height=80 + 58 * len(groups))
    style_as_table(fig)
    names = [_wrapped(side.label, COLUMN) for side in sides]
    fig.update_xaxes(tickvals=list(range(len(sides))), ticktext=names)
    return fig


def seed_mean(side: Side, part: str) -> dict[str, Any]:
    """`moved` or `forgot` of a side's diagnostics, the mean over its seeds; empty if not measured."""
    measured = [getattr(result.diagnostics, part, None) for result in side.results]
    known = [values for values in measured if values]
    means = dict(known[0]) if known else {}
    numbers = [name for name, value in means.items() if not isinstance(value, str)]
    return means | {n: float(np.mean([run.get(n, 0) for run in known])) for n in numbers}


def _log_share(change: float, positive: Sequence[float]) -> float:
    """Where a change lies between the smallest and the largest one on a log scale, from 0 to 1."""
    low, high = min(positive, default=0.0) / 2, max(positive, default=0.0)
    return math.log(max(change, low) / low) / math.log(high / low) if change > 0 else 0.0


def _change_text(change: float, unchanged: str) -> str:
    if not change:
        return unchanged
    if change < 0.0005:
        return "&lt; 0.1%"
    return f"{change:.0%}" if change >= 0.1 else f"{change:.1%}"


def forgetting(sides: Sequence[Side]) -> go.Figure | None:
    """Accuracy on the source task before and after, of each side; None if it was never measured."""
    sides = [side for side in sides if seed_mean(side, "forgot")]
    if not sides:
        return None
    measured = [seed_mean(side, "forgot") for side in sides]
    task, texts = measured[0]["task"], int(measured[0]["texts"])
    title = f"Accuracy on {escape_html(task)}, which it had learned before"
    caption = f"Tick: before. Dot: after. {texts:,} test texts, through the old last layer."
    fig = empty_figure(title, caption, height=60 + 60 * len(sides))
    for side, forgot, colour in zip(sides, measured, side_colours(sides), strict=True):
        before, after = forgot["before"], forgot["after"]
        row = f"<b>{escape_html(side.label)}</b><br>{before:.1%} → {after:.1%}"
        line = {"color": colour, "width": 4}
        fig.add_scatter(x=[before, after], y=[row, row], mode="lines", hoverinfo="skip", line=line)
        tick = {"size": 20, "symbol": "line-ns", "line": {"width": 4, "color": GREY}}
        dot = {"size": 15, "color": colour}
        for when, x, marker in (("before", before, tick), ("after", after, dot)):
            style = {"mode": "markers", "marker": marker, "cliponaxis": False}
            hover = f"{when}: %{{x:.1%}}<extra></extra>"
            fig.add_scatter(x=[x], y=[row], hovertemplate=hover, **style)
    ends = [forgot[when] for forgot in measured for when in ("before", "after")]
    fig.update_xaxes(tickformat=".0%", range=[max(0, min(ends) - 0.05), max(ends) + 0.03])
    fig.update_yaxes(autorange="reversed", showgrid=False, ticks="", tickfont_size=14)
    return fig


def text_map(look: Diagnostics, texts: Sequence[str], name: str) -> go.Figure:
    """Text vectors of a run's body before and after training; `texts` are all test texts."""
    title = f"What {escape_html(name)} sees"
    caption = "Each point is a test text; those that lie together look alike to the model."
    fig = empty_figure(title, caption, height=440, legend=True)
    truth = np.array(answering.names(look.truth[look.map_rows], look.labels), dtype=object)
    predicted = np.array(answering.names(look.answers[look.map_rows], look.labels), dtype=object)
    hover = np.array([hover_text(texts[int(row)]) for row in look.map_rows], dtype=object)
    for axes, points in (("", look.map_before), ("2", look.map_after)):
        answer = "<br>Answer: %{customdata[1]}" if axes else ""
        for name, colour, shown in _map_groups(look, truth):
            x, y = points[shown].T
            marker = {"color": colour, "size": 5, "opacity": 0.7}
            style = {"mode": "markers", "marker": marker, "xaxis": f"x{axes}", "yaxis": f"y{axes}"}
            style |= {"name": escape_html(name), "legendgroup": name, "showlegend": not axes}
            style |= {"hovertemplate": f"%{{text}}{answer}<extra>%{{customdata[2]}}</extra>"}
            rows = np.flatnonzero(shown)
            told = [[escape_html(name) for name in part[shown]] for part in (predicted, truth)]
            clicked = np.c_[rows, np.array(told, dtype=object).T.reshape(-1, 2)]
            fig.add_scattergl(x=x, y=y, customdata=clicked, text=hover[shown], **style)
    bare = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}
    bare |= {"mirror": True, "showline": True}
    left = {"xaxis": bare | {"domain": [0, 0.49]}, "yaxis": bare}
    right = bare | {"domain": [0.51, 1], "anchor": "y2"}
    fig.update_layout(**left, xaxis2=right, yaxis2=bare | {"anchor": "x2"}, margin_t=34)
    corner = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    for text, x in (("<b>Before</b>", 0.0), ("<b>After</b>", 0.51)):
        fig.add_annotation(text=text, x=x, y=1, yshift=4, showarrow=False, **corner)
    return fig


def _map_groups(look: Diagnostics, truth: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """Name, colour and points [bool] of each class, or set of labels; the smaller ones of many are one."""
    classes = sorted(set(truth)) if look.thresholds else list(look.labels)
    colours = class_colours(classes)
    if len(classes) > MAP_CLASSES:
        counts = Counter(truth)
        classes.sort(key=counts.__getitem__, reverse=True)
    for label in classes[: MAP_CLASSES if len(classes) <= MAP_CLASSES else MAP_CLASSES - 1]:
        yield label, colours[label], truth == label
    if len(classes) > MAP_CLASSES:
        rest = classes[MAP_CLASSES - 1 :]
        yield f"{len(rest)} more classes", GREY, np.isin(truth, rest)


def hover_text(text: str) -> str:
    """The start of a text in short lines, as plotly's markup."""
    start = text[: 4 * HOVER_LENGTH].replace("<br />", " ")  # wrapping a whole review takes long
    return _wrapped(textwrap.shorten(start, HOVER_LENGTH, placeholder=" …"), HOVER_LINE)


def _wrapped(text: str, length: int) -> str:
    return "<br>".join(escape_html(line) for line in textwrap.wrap(text, length))
