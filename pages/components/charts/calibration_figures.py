"""Still charts of a model's probabilities: whether they are right, and what a threshold brings."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from ftcore.formatting import percent, short_percent
from ftcore.inference.temperature import Bin, expected_calibration_error
from pages.components.charts.figure_parts import GREY, empty_figure
from pages.components.text.escaping import escape_html

SMALLEST, LARGEST = 6.0, 22.0  # pixels, of a bin without and with all texts


def reliability(before: Sequence[Bin], after: Sequence[Bin], name: str, colour: str) -> go.Figure:
    """The share of right answers by their probability, as the model gives it and calibrated, if it is."""
    title = f"{escape_html(name)}: are its probabilities right?"
    caption = "On the line they are; below it, the model is too sure. Marker area: texts."
    fig = empty_figure(title, caption, height=380, legend=True)
    line = {"dash": "dash", "width": 1.5, "color": GREY}
    fig.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, hoverinfo="skip", showlegend=False)
    for bins, shown, own in (
        (before, "as the model gives them", GREY),
        (after, "calibrated", colour),
    ):
        if bins:
            _add_bins(fig, bins, shown, own)
    lowest = min((each.low for each in (*before, *after)), default=0.0)
    fig.update_xaxes(title_text="Probability of the answer", tickformat=".0%", range=[lowest, 1.03])
    fig.update_yaxes(title_text="Right answers", tickformat=".0%", range=[0, 1.05])
    return fig


def _add_bins(fig: go.Figure, bins: Sequence[Bin], name: str, colour: str) -> None:
    texts = sum(each.texts for each in bins)
    sizes = [SMALLEST + (LARGEST - SMALLEST) * (each.texts / texts) ** 0.5 for each in bins]
    hover = f"{name}: %{{x:.1%}}<br>right: %{{y:.1%}} of %{{customdata:,}} texts<extra></extra>"
    fig.add_scatter(
        x=[each.confidence for each in bins],
        y=[each.accuracy for each in bins],
        customdata=[each.texts for each in bins],
        name=f"{name}, off by {percent(expected_calibration_error(bins))}",
        mode="lines+markers",
        line={"color": colour, "width": 2},
        marker={"size": sizes, "color": colour, "opacity": 0.8},
        hovertemplate=hover,
    )


def answered(rows: Sequence[Mapping[str, Any]], name: str, colour: str) -> go.Figure:
    """Accuracy over the share of texts that are answered, if an answer takes a probability.

    `rows` are those of `inference.calibration_measures.by_threshold`; points say the probability.
    """
    rows = [row for row in rows if row["answered"]]
    title = f"{escape_html(name)}: fewer answers, more of them right"
    caption = "A point: answers of that probability or more are given, the others left to a person."
    fig = empty_figure(title, caption, height=380)
    labels = [short_percent(row["threshold"]) for row in rows]
    fig.add_scatter(
        x=[row["answered"] for row in rows],
        y=[row["accuracy"] for row in rows],
        text=labels,
        mode="lines+markers+text",
        textposition="bottom left",
        cliponaxis=False,
        line={"color": colour, "width": 2},
        marker={"size": 9, "color": colour},
        hovertemplate="from %{text}: %{x:.1%} answered, %{y:.1%} of them right<extra></extra>",
    )
    lowest = min((row["accuracy"] for row in rows), default=0.0)
    shown = [-0.12, 1.05]  # with room for the label of a point at 0
    fig.update_xaxes(title_text="Texts answered", tickformat=".0%", range=shown)
    bounds = [lowest - max(0.04, 0.3 * (1 - lowest)), 1.005]
    fig.update_yaxes(title_text="Right answers", tickformat=".0%", range=bounds)
    return fig
