"""Still charts of a comparison: pure functions from results to plotly figures.

`figure.js` adds what depends on the theme: fonts, greys, and colours that stand out from the background.
Text within a figure is plotly's markup, so what comes from users or data is escaped.
"""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from ftcore import formatting
from ftcore.config import REFERENCES
from ftcore.experiments.comparison import Side, sides
from ftcore.experiments.result import Result
from pages.components.charts import run_curves
from pages.components.charts.label_placement import Spot, places
from pages.components.charts.live_chart import AXES, METRICS, points
from pages.components.charts.palette import model_colour
from pages.components.text.escaping import escape_html

WIDE = 10  # times the shortest training; beyond it the axis of seconds is logarithmic
LABEL_LENGTH = 110  # characters of a sentence above its chart
_CLOCK = (
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    20,
    30,
    60,
    120,
    300,
    600,
    1200,
    1800,
    3600,
    7200,
    14_400,
    36_000,
    72_000,
)
MOST_TICKS = 7
_MINUTE, _HOUR = 60, 3600


def tradeoff(results: Sequence[Result]) -> go.Figure:
    """Test accuracy over seconds of training: a marker a side, a level line a reference."""
    found = sides(results)
    # A run that an earlier version recorded may not say how long it trained.
    networks = [
        side for side in found if not side.is_reference and 0 < side.train_seconds < math.inf
    ]
    seconds = [one.train_seconds for side in networks for one in side.results]
    log = bool(seconds) and max(seconds) > WIDE * min(seconds)
    fig = base("Test accuracy over training time", _sized(networks), height=440)
    for side, colour in zip(networks, colours(networks), strict=True):
        if len(side.results) > 1:
            fig.add_scatter(
                x=[one.train_seconds for one in side.results],
                y=[one.test_accuracy for one in side.results],
                mode="markers",
                marker={"color": colour, "size": 7, "opacity": 0.4},
                hovertemplate="%{text}<br>%{y:.1%}<extra></extra>",
                text=[
                    f"{escape_html(side.label)}, seed {one.run.config.seed}" for one in side.results
                ],
            )
        low, high = side.interval
        fig.add_scatter(
            x=[side.train_seconds],
            y=[side.test_accuracy],
            mode="markers",
            name=escape_html(side.label),
            marker={"color": colour, "size": [diameter(side.trainable_parameters)], "opacity": 0.9},
            error_y={
                "array": [high - side.test_accuracy],
                "arrayminus": [side.test_accuracy - low],
                "symmetric": False,
                "type": "data",
                "color": colour,
                "thickness": 2,
                "width": 6,
            },
            hovertemplate=f"{_told(side)}<extra></extra>",
        )
    _level_lines(fig, [side for side in found if side.is_reference])
    lows = [
        side.interval[0] if not side.is_reference else side.test_accuracy for side in found
    ] or [0.0]
    highs = [
        side.interval[1] if not side.is_reference else side.test_accuracy for side in found
    ] or [1.0]
    room = 0.08 * max(max(highs) - min(lows), 0.05)
    fig.update_yaxes(
        title_text="Test accuracy",
        tickformat=".0%",
        nticks=7,
        range=[min(lows) - room, max(highs) + 1.4 * room],
    )
    _clock(fig, seconds, log)
    _name(fig, networks, log)
    return fig


def diameter(parameters: int) -> float:
    """Of a marker, in pixels: each factor of ten in parameters adds the same to its area."""
    return math.sqrt(12**2 + 170 * max(0.0, math.log10(max(parameters, 1)) - 2))


def curves(results: Sequence[Result], metric: str, axis: str) -> go.Figure:
    """Loss or accuracy as training goes on, a line a side, with a band over its seeds."""
    traces = run_curves.by_side(list(results))
    references = {one.run.run_id for one in results if one.run.config.mode in REFERENCES}
    band = any(f"{metric}_low" in trace.history for trace in traces)
    caption = "Solid: validation. Dotted: training. Diamond: test."
    fig = base(
        METRICS[metric], caption + " The band reaches from seed to seed." * band, legend=True
    )
    for trace in traces:
        name, colour = escape_html(trace.label), trace.colour
        level = trace.run_id in references
        if f"{metric}_low" in trace.history and not level:
            x, _, low, high = points(
                trace.history, "val", axis, metric, f"{metric}_low", f"{metric}_high"
            )
            _band(fig, x, low, high, colour)
        solid = {"width": 1.5, "dash": "dash"} if level else {"width": 2.5}
        for split, line in (("train", {"width": 1.25, "dash": "dot"}), ("val", solid)):
            x, y = points(trace.history, split, axis, metric)
            fig.add_scatter(
                x=x,
                y=y,
                mode="lines",
                name=name,
                legendgroup=trace.run_id,
                cliponaxis=False,
                line={**line, "color": colour},
                showlegend=split == "val",
                hovertemplate=f"{name}<br>%{{y{_format(metric)}}}<extra></extra>",
            )
        if level:
            continue
        x, y = points(trace.history, "test", axis, metric)
        fig.add_scatter(
            x=x,
            y=y,
            mode="markers",
            name=name,
            legendgroup=trace.run_id,
            showlegend=False,
            cliponaxis=False,
            marker={"symbol": "diamond-open", "size": 12, "color": colour, "line": {"width": 2.5}},
            hovertemplate=f"{name}, test<br>%{{y{_format(metric)}}}<extra></extra>",
        )
    fig.update_xaxes(title_text=AXES[axis], rangemode="tozero")
    fig.update_yaxes(tickformat=".0%" if metric == "accuracy" else "", nticks=6)
    return fig


def watched(results: Sequence[Result], sentence: int, label: int, axis: str = "step") -> go.Figure:
    """The probability of a class for one watched sentence, a line a side, with a band over its seeds."""
    said = next(one.run.config.watched for one in results if one.run.config.watched)[sentence]
    fig = base(
        f"“{escape_html(textwrap.shorten(said, LABEL_LENGTH, placeholder=' …'))}”", height=230
    )
    found = run_curves.watched(results, sentence, label)
    shades = run_curves.colours([one.run.config.mode for one in found])
    several = len({one.run.config.seed for one in results}) > 1
    for one, colour in zip(found, shades, strict=True):
        x, name = one.history[axis].to_numpy(float), escape_html(one.label)
        y, low, high = (one.history[part].to_numpy() for part in ("probability", "low", "high"))
        if several:
            _band(fig, x, low, high, colour)
        fig.add_scatter(
            x=x,
            y=y,
            mode="lines",
            cliponaxis=False,
            name=name,
            line={"color": colour, "width": 2.5},
            hovertemplate=f"{name}<br>%{{y:.0%}}<extra></extra>",
        )
    fig.add_hline(y=0.5, line={"dash": "dash", "width": 1.5, "color": "#808080"}, layer="below")
    fig.update_layout(meta={"legend": "picture"})  # on a page, one stands above all sentences
    fig.update_xaxes(title_text=AXES[axis], rangemode="tozero", nticks=6)
    fig.update_yaxes(
        title_text=escape_html(classes(results[0])[label]),
        tickformat=".0%",
        range=[-0.02, 1.02],
        tickvals=[0, 0.5, 1],
        showgrid=False,
    )
    return fig


def watching(results: Sequence[Result]) -> list[Result]:
    """The runs that watched sentences: those of the first that did."""
    sentences = next((one.run.config.watched for one in results if len(one.watched)), [])
    return [one for one in results if len(one.watched) and one.run.config.watched == sentences]


def classes(result: Result) -> list[str]:
    """The labels that a run tells apart."""
    return str(result.run.facts["labels"]).split(", ")


def base(title: str, caption: str = "", height: int = 360, legend: bool = False) -> go.Figure:
    """An empty figure; figure.js shows title and caption above it, and puts them into its pictures."""
    return go.Figure(
        layout={
            "template": go.layout.Template(),
            "height": height,
            "showlegend": legend,
            "title": {"text": title, "subtitle": {"text": caption}},
            "margin": {"l": 8, "r": 16, "t": 12, "b": 8},
            "hovermode": "closest",
            "legend": {
                "orientation": "h",
                "yref": "container",
                "y": 0,
                "yanchor": "bottom",
                "itemsizing": "constant",
            },
        }
    )


def colours(found: Sequence[Side]) -> list[str]:
    """One for each side, by its mode."""
    return run_curves.colours([side.mode for side in found])


def see_through(colour: str, opacity: float) -> str:
    """#2563EB at an opacity."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def _band(fig: go.Figure, x: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str) -> None:
    fig.add_scatter(
        x=np.r_[x, x[::-1]],
        y=np.r_[high, low[::-1]],
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=see_through(colour, 0.18),
        hoverinfo="skip",
        showlegend=False,
    )


def _told(side: Side) -> str:
    """What a pointer on a side's marker reads."""
    low, high = side.interval
    return "<br>".join(
        (
            f"<b>{escape_html(side.label)}</b>",
            f"{side.test_accuracy:.1%} of {side.test_texts:,} test texts ({low:.1%} to {high:.1%})",
            f"{formatting.duration(side.train_seconds)} of training",
            f"{side.trainable_parameters:,} of {side.parameters:,} parameters train",
        )
    )


def _sized(networks: Sequence[Side]) -> str:
    """What the markers' sizes and bars say, and what most of the parameters are."""
    whole = {side.parameters for side in networks}
    of = f" of {whole.pop():,}" if len(whole) == 1 else ""
    frozen = {
        1 - side.trainable_parameters / side.parameters
        for side in networks
        if side.mode in ("full", "scratch") and 0 < side.trainable_parameters < side.parameters
    }
    most = f" Frozen word vectors are {frozen.pop():.0%} of them." if len(frozen) == 1 else ""
    return f"Marker area: trained parameters{of}, on a log scale.{most} Bars: 95% interval."


def _level_lines(fig: go.Figure, references: Sequence[Side]) -> None:
    for side in references:
        line = {"color": model_colour(side.mode), "dash": "dash", "width": 1.5}
        fig.add_hline(y=side.test_accuracy, line=line, layer="below")
        fig.add_annotation(
            x=0,
            xref="paper",
            xanchor="left",
            y=side.test_accuracy,
            yanchor="bottom",
            showarrow=False,
            text=f"{escape_html(side.label)} {side.test_accuracy:.1%}",
            font={"size": 12},
        )


def _clock(fig: go.Figure, seconds: Sequence[float], log: bool) -> None:
    """The axis of training time, with round times along it."""
    low, high = (min(seconds), max(seconds)) if seconds else (0.0, 1.0)
    if log:
        room = 0.12 * math.log10(high / low)
        ends = [math.log10(low) - room, math.log10(high) + 1.6 * room]
        ticks = [tick for tick in _CLOCK if ends[0] <= math.log10(tick) <= ends[1]]
        ticks = ticks[:: -(-len(ticks) // MOST_TICKS)]
    else:
        ends = [0, high * 1.15]
        step = next((tick for tick in _CLOCK if high / tick <= 6), high)
        ticks = [step * number for number in range(int(ends[1] / step) + 1)]
    fig.update_xaxes(
        title_text="Training time" + ", log scale" * log,
        type="log" if log else "linear",
        range=ends,
        tickvals=ticks,
        ticktext=[_time(tick) for tick in ticks],
    )


def _time(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:g} s"
    return f"{seconds / _MINUTE:g} min" if seconds < _HOUR else f"{seconds / _HOUR:g} h"


def _name(fig: go.Figure, networks: Sequence[Side], log: bool) -> None:
    """Write each side's name beside its marker."""
    (left, right), (bottom, top) = fig.layout.xaxis.range, fig.layout.yaxis.range
    wide, high = 300.0, 330.0  # pixels of the plot on a phone; more room elsewhere does no harm
    across = [math.log10(side.train_seconds) if log else side.train_seconds for side in networks]
    spots = [
        Spot(
            side.label,
            (x - left) / (right - left) * wide,
            (side.test_accuracy - bottom) / (top - bottom) * high,
            diameter(side.trainable_parameters) / 2,
        )
        for side, x in zip(networks, across, strict=True)
    ]
    levels = [(one.y - bottom) / (top - bottom) * high for one in fig.layout.annotations]
    taken = [(0.0, wide, y - 1, y + 1) for y in levels] + [(0.0, 100.0, y, y + 16) for y in levels]
    for side, x, anchor in zip(networks, across, places(spots, taken, wide), strict=True):
        fig.add_annotation(
            x=x,
            y=side.test_accuracy,
            showarrow=False,
            text=escape_html(side.label),
            font={"size": 14},
            **anchor,
        )


def _format(metric: str) -> str:
    return ":.1%" if metric == "accuracy" else ":.3f"
