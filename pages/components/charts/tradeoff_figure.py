"""Test accuracy or macro F1 over training time: what each mode reaches, and at what price."""

import itertools
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from ftcore import formatting
from ftcore.colours import model_colour
from ftcore.experiments import comparison
from ftcore.experiments.comparison import Side
from ftcore.experiments.result import Result
from pages.components.charts import run_curves
from pages.components.charts.figure_parts import empty_figure
from pages.components.charts.label_placement import Marker, place_labels
from pages.components.text.escaping import escape_html
from pages.components.text.labels import accuracy_title

LOG_FROM = 10  # times the shortest training; if the longest exceeds that, the axis is logarithmic
MAX_TICKS = 7
PLOT = 300.0, 330.0  # width and height in pixels on a phone; labels that fit there fit everywhere
NAME_HEIGHT = 16  # pixels of the name of a reference
_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30)
_MINUTES, _HOURS = (1, 2, 5, 10, 20, 30), (1, 2, 4, 10, 20)
TICKS = (*_SECONDS, *(60 * minutes for minutes in _MINUTES), *(3600 * hours for hours in _HOURS))


def tradeoff(results: Sequence[Result]) -> go.Figure:
    """What sides are compared by, over training time: a marker for each, a dashed line for each reference.

    A dotted line is the average of the most accurate network and TF-IDF.
    """
    sides = comparison.sides(results)
    references = [side for side in sides if side.is_reference]
    networks = [side for side in sides if side not in references]
    # Runs that an earlier version recorded may lack their training time.
    networks = [side for side in networks if 0 < side.train_seconds < math.inf]
    seconds = [result.train_seconds for side in networks for result in side.results]
    log = bool(seconds) and max(seconds) > LOG_FROM * min(seconds)
    several = bool(sides) and sides[0].micro_f1 is not None
    by_f1 = bool(sides) and sides[0].measure == "macro-f1"
    measure = "macro F1" if by_f1 else accuracy_title(several).lower()
    fig = empty_figure(f"Test {measure} over training time", _caption(networks), height=440)
    for side, colour in zip(networks, side_colours(networks), strict=True):
        if len(side.results) > 1:
            _add_seeds(fig, side, colour)
        _add_mean(fig, side, colour)
    average = comparison.average(sides)
    for side in references:
        _add_reference(fig, side)
    if average:
        _add_reference(fig, average, average=True)
    _set_score_axis(fig, [*sides, average] if average else sides, f"Test {measure}")
    _part_references(fig)
    _set_time_axis(fig, seconds, log)
    _label_markers(fig, networks, log)
    return fig


def diameter(parameters: int) -> float:
    """Diameter of a marker in pixels: each factor of ten in parameters adds the same to its area."""
    return math.sqrt(12**2 + 170 * max(0.0, math.log10(max(parameters, 1)) - 2))


def side_colours(sides: Sequence[Side]) -> list[str]:
    """The colour of each side, by its mode."""
    return run_curves.colours([side.mode for side in sides])


def _add_seeds(fig: go.Figure, side: Side, colour: str) -> None:
    name, marker = escape_html(side.label), {"color": colour, "size": 7, "opacity": 0.4}
    seconds = [result.train_seconds for result in side.results]
    text = [f"{name}, seed {result.run.config.seed}" for result in side.results]
    style = {"mode": "markers", "marker": marker, "text": text}
    style |= {"hovertemplate": "%{text}<br>%{y:.1%}<extra></extra>"}
    fig.add_scatter(x=seconds, y=side.scores, **style)


def _add_mean(fig: go.Figure, side: Side, colour: str) -> None:
    low, high = side.interval
    name = escape_html(side.label)
    lines = (
        f"<b>{name}</b>",
        f"{_measured(side)} {side.test_texts:,} test texts ({low:.1%} to {high:.1%})",
        f"{formatting.duration(side.train_seconds)} of training",
        f"{side.trainable_parameters:,} of {side.parameters:,} parameters train",
    )
    bar = {"type": "data", "symmetric": False, "color": colour, "thickness": 2, "width": 6}
    bar |= {"array": [high - side.score], "arrayminus": [side.score - low]}
    marker = {"color": colour, "size": [diameter(side.trainable_parameters)], "opacity": 0.9}
    hover = "<br>".join(lines) + "<extra></extra>"
    style = {"mode": "markers", "marker": marker, "error_y": bar, "hovertemplate": hover}
    fig.add_scatter(x=[side.train_seconds], y=[side.score], name=name, **style)


def _measured(side: Side) -> str:
    return f"Macro F1 {side.score:.1%} on" if side.measure == "macro-f1" else f"{side.score:.1%} of"


def _add_reference(fig: go.Figure, side: Side, average: bool = False) -> None:
    """Draw a level line; its name stands above it on the left, where few markers are."""
    dash = "dot" if average else "dash"
    line = {"color": model_colour(side.mode), "dash": dash, "width": 1.5}
    fig.add_hline(y=side.score, line=line, layer="below")
    text = f"{escape_html(side.label)} {side.score:.1%}"
    place = {"x": 0, "xanchor": "left", "xref": "paper", "y": side.score, "yanchor": "bottom"}
    fig.add_annotation(text=text, font_size=12, showarrow=False, **place)


def _part_references(fig: go.Figure) -> None:
    """Move a name below its line where it would cover that of the line above."""
    bottom, top = fig.layout.yaxis.range
    names = sorted(fig.layout.annotations, key=lambda name: -name.y)
    for upper, lower in itertools.pairwise(names):
        if (upper.y - lower.y) / (top - bottom) * PLOT[1] < NAME_HEIGHT:
            lower.yanchor = "top"


def _caption(networks: Sequence[Side]) -> str:
    """Explain the markers' area and bars, and which parameters never train."""
    totals = {side.parameters for side in networks}
    of_all = f" of {totals.pop():,}" if len(totals) == 1 else ""
    frozen = {
        1 - side.trainable_parameters / side.parameters
        for side in networks
        if side.mode in ("full", "lp-ft", "scratch")
        and 0 < side.trainable_parameters < side.parameters
    }
    vectors = f" Frozen word vectors are {frozen.pop():.0%} of them." if len(frozen) == 1 else ""
    return f"Marker area: trained parameters{of_all}, on a log scale.{vectors} Bars: 95% interval."


def _set_score_axis(fig: go.Figure, sides: Sequence[Side], title: str) -> None:
    # The interval of two seeds may be wider than all shares there are.
    intervals = [side.interval for side in sides if not side.is_reference]
    bounds = [min(max(share, 0.0), 1.0) for interval in intervals for share in interval]
    bounds += [side.score for side in sides if side.is_reference]
    lowest, highest = min(bounds, default=0.0), max(bounds, default=1.0)
    margin = 0.08 * max(highest - lowest, 0.05)
    bounds = [lowest - margin, highest + 1.4 * margin]
    fig.update_yaxes(title_text=title, tickformat=".1~%", nticks=7, range=bounds)


def _set_time_axis(fig: go.Figure, seconds: Sequence[float], log: bool) -> None:
    """Scale the axis of training time and put ticks at round times."""
    low, high = (min(seconds), max(seconds)) if seconds else (0.0, 1.0)
    if log:
        margin = 0.12 * math.log10(high / low)
        bounds = [math.log10(low) - margin, math.log10(high) + 1.6 * margin]
        ticks = [tick for tick in TICKS if bounds[0] <= math.log10(tick) <= bounds[1]]
        ticks = ticks[:: math.ceil(len(ticks) / MAX_TICKS)]
    else:
        bounds = [0, high * 1.15]
        step = next((tick for tick in TICKS if high / tick <= MAX_TICKS - 1), high)
        ticks = [step * number for number in range(int(bounds[1] / step) + 1)]
    title, scale = ("Training time, log scale", "log") if log else ("Training time", "linear")
    names = [formatting.duration(tick) for tick in ticks]
    fig.update_xaxes(title_text=title, type=scale, range=bounds, tickvals=ticks, ticktext=names)


def _label_markers(fig: go.Figure, networks: Sequence[Side], log: bool) -> None:
    """Write each side's name beside its marker, clear of the other markers and the reference lines."""
    (left, right), (bottom, top) = fig.layout.xaxis.range, fig.layout.yaxis.range
    width, height = PLOT
    xs = [math.log10(side.train_seconds) if log else side.train_seconds for side in networks]
    markers, taken = [], []
    for side, x in zip(networks, xs, strict=True):
        across = (x - left) / (right - left) * width
        up = (side.score - bottom) / (top - bottom) * height
        markers.append(Marker(side.label, across, up, diameter(side.trainable_parameters) / 2))
    for reference in fig.layout.annotations:
        y = (reference.y - bottom) / (top - bottom) * height
        text_width = 6.5 * len(reference.text)
        text = (y, y + NAME_HEIGHT) if reference.yanchor == "bottom" else (y - NAME_HEIGHT, y)
        taken += [(0.0, width, y - 1, y + 1), (0.0, text_width, *text)]  # the line and its text
    anchors = place_labels(markers, taken, width)
    for side, x, anchor in zip(networks, xs, anchors, strict=True):
        anchor |= {"x": x, "y": side.score, "text": escape_html(side.label)}
        fig.add_annotation(showarrow=False, font_size=14, **anchor)
