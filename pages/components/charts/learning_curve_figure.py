"""Test accuracy or macro F1 over the number of training texts: what each mode makes of more labels."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from ftcore import formatting
from ftcore.colours import model_colour
from ftcore.experiments.comparison import Side
from ftcore.experiments.learning_curve.crossings import Crossing
from ftcore.experiments.learning_curve.curves import Curve
from ftcore.experiments.learning_curve.forecast import Check, Forecast
from ftcore.experiments.result import Measure
from pages.components.charts import run_curves
from pages.components.charts.figure_parts import GREY, add_band, empty_figure
from pages.components.text.escaping import escape_html
from pages.components.text.labels import accuracy_title

FORECAST = 2  # times the largest number of texts: as far as a forecast goes
MIN_RATIO = 1.6  # of two numbers on the axis that both have a label on a phone


def titles(curves: Sequence[Curve]) -> dict[Measure, str]:
    """What the measures of curves are called, the accuracy first."""
    accuracy = accuracy_title(any(curve.several_labels for curve in curves))
    return {"accuracy": f"Test {accuracy.lower()}", "macro-f1": "Macro F1"}


def learning_curve(
    curves: Sequence[Curve],
    crossings: Sequence[Crossing] = (),
    forecasts: Mapping[str, Forecast] | None = None,
    checks: Mapping[str, Check] | None = None,
) -> go.Figure:
    """A line for each mode over the number of texts, on a log scale, with a band of its intervals.

    References are dashed thin lines, forecasts that passed their check dotted ones, `crossings` upright ones.
    """
    measure: Measure = curves[0].measure if curves else "accuracy"
    title = titles(curves)[measure]
    fig = empty_figure(f"{title} by training texts", height=460, legend=True)
    passed = {label for label, check in (checks or {}).items() if check.passed}
    laws = {label: law for label, law in (forecasts or {}).items() if label in passed}
    colours = run_curves.colours([curve.mode for curve in curves])
    sizes = sorted({size for curve in curves for size in curve.sizes})
    for curve, colour in zip(curves, colours, strict=True):
        if curve.mode == "majority":
            _add_level(fig, curve)
            continue
        _add_curve(fig, curve, colour)
        if curve.label in laws:
            _add_forecast(fig, curve, laws[curve.label], colour)
    for crossing in crossings:
        _add_crossing(fig, crossing)
    until = sizes[-1] * FORECAST if laws else 0
    caption = "Bands: 95% intervals, for other seeds and other test texts."
    if laws:
        caption += " Dotted: the forecast."
    fig.update_layout(title_subtitle_text=caption)
    fig.update_yaxes(title_text=title, tickformat=".1~%", nticks=7)
    if curves:
        fig.update_yaxes(range=_score_range(curves, laws, until))
    _set_size_axis(fig, sizes, until)
    return fig


def _add_curve(fig: go.Figure, curve: Curve, colour: str) -> None:
    name = escape_html(curve.label)
    x, y = np.array(curve.sizes, float), curve.scores
    intervals = [side.interval for side in curve.sides.values()]
    low, high = np.array(intervals).T
    hover = [
        f"<b>{name}</b>, {size:,} texts<br>{side.score:.1%} ({ends[0]:.1%} to {ends[1]:.1%})<br>"
        f"{_seeds(side)}, {formatting.duration(side.train_seconds)} of training"
        for (size, side), ends in zip(curve.sides.items(), intervals, strict=True)
    ]
    if not curve.is_reference and len(x) > 1:
        add_band(fig, x, low, high, colour)
    line = {"color": colour, "width": 1.5 if curve.is_reference else 2.5}
    line |= {"dash": "dash"} if curve.is_reference else {}
    marker = {"color": colour, "size": 5 if curve.is_reference else 8}
    style = {"mode": "lines+markers", "line": line, "marker": marker, "cliponaxis": False}
    style |= {"text": hover, "hovertemplate": "%{text}<extra></extra>", "legendgroup": name}
    fig.add_scatter(x=x, y=y, name=name, **style)


def _seeds(side: Side) -> str:
    seeds = len(side.results)
    return "one seed" if seeds == 1 else f"mean of {seeds} seeds"


def _add_level(fig: go.Figure, curve: Curve) -> None:
    """The majority class, which needs no texts, as a level line with its name."""
    level = curve.scores[0]
    line = {"color": model_colour(curve.mode), "dash": "dash", "width": 1.5}
    fig.add_hline(y=level, line=line, layer="below")
    text = f"{escape_html(curve.label)} {level:.1%}"
    place = {"x": 1, "xref": "paper", "xanchor": "right", "y": level, "yanchor": "bottom"}
    fig.add_annotation(text=text, font_size=12, showarrow=False, **place)


def _add_forecast(fig: go.Figure, curve: Curve, law: Forecast, colour: str) -> None:
    """The fitted law from the last measured number of texts on."""
    last = curve.sizes[-1]
    x = np.geomspace(last, FORECAST * last, 8)
    values = [law.at(size) for size in x]
    y = np.array([value for value, _ in values])
    low, high = (np.array(ends) for ends in zip(*(ends for _, ends in values), strict=True))
    add_band(fig, x, low, high, colour)
    name = escape_html(curve.label)
    hover = [
        f"<b>{name}</b>, {size:,.0f} texts, forecast<br>{value:.1%} ({ends[0]:.1%} to {ends[1]:.1%})"
        for size, (value, ends) in zip(x, values, strict=True)
    ]
    style = {"mode": "lines", "line": {"color": colour, "width": 2, "dash": "dot"}, "text": hover}
    style |= {"hovertemplate": "%{text}<extra></extra>", "legendgroup": name, "showlegend": False}
    fig.add_scatter(x=x, y=y, name=name, **style)


def _add_crossing(fig: go.Figure, crossing: Crossing) -> None:
    fig.add_vline(x=crossing.size, line={"color": GREY, "dash": "dot", "width": 1.5}, layer="below")
    # On a log axis, an annotation stands at the logarithm.
    place = {"x": math.log10(crossing.size), "y": 0, "yref": "paper", "yanchor": "bottom"}
    text = f"{crossing.size:,.0f} texts"
    fig.add_annotation(text=text, xanchor="left", xshift=4, showarrow=False, font_size=12, **place)


def _score_range(
    curves: Sequence[Curve], laws: Mapping[str, Forecast], until: float
) -> list[float]:
    """From the lowest to the highest mean, with room for intervals, of which two seeds give enormous ones."""
    scores = np.concatenate([curve.scores for curve in curves])
    ends = [law.at(until)[0] for law in laws.values()]
    low, high = min(scores.min(), *ends, 1), max(scores.max(), *ends, 0)
    margin = max(0.25 * (high - low), 0.03)
    return [max(low - margin, -0.02), min(high + margin, 1.02)]


def _set_size_axis(fig: go.Figure, sizes: Sequence[int], until: float) -> None:
    """Scale the axis and label the measured numbers, without those that would overlap, and the forecast's."""
    if not sizes:
        return
    ticks: list[float] = [until] if until else []
    for size in reversed(sizes):
        if not ticks or ticks[-1] / size >= MIN_RATIO:
            ticks.append(size)
    low, high = math.log10(sizes[0]), math.log10(until or sizes[-1])
    margin = 0.04 * max(high - low, 0.3)
    fig.update_xaxes(
        title_text="Training texts, log scale",
        type="log",
        range=[low - margin, high + margin],
        tickvals=ticks[::-1],
        ticktext=[f"{tick:,.0f}" for tick in ticks[::-1]],
    )
