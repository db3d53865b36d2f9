"""The learning curve of texts that a model chose, beside that of random ones."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from ftcore.active_learning.curve import Point
from ftcore.colours import model_colour
from pages.components.charts.figure_parts import GREY, add_band, empty_figure


def arms_figure(points: Sequence[Point]) -> go.Figure:
    """Accuracy on held-out texts by labels of each arm; the band is the interval of their difference."""
    colour = model_colour("full")
    held_out = points[-1].held_out
    caption = "Band: where the curve of the chosen texts may lie beside that of random ones (95%)."
    fig = empty_figure(f"Accuracy on {held_out:,} held-out texts", caption, 320, legend=True)
    x = np.array([point.labels for point in points], float)
    chosen, random = (np.array([getattr(p, arm) for p in points]) for arm in ("chosen", "random"))
    margin = np.minimum([point.margin for point in points], 1.0)
    add_band(fig, x, np.maximum(chosen - margin, 0.0), np.minimum(chosen + margin, 1.0), colour)
    for name, y, style in (
        ("Random texts", random, {"color": GREY, "width": 2, "dash": "dash"}),
        ("Chosen texts", chosen, {"color": colour, "width": 2.5}),
    ):
        hover = f"<b>{name}</b>, %{{x}} labels: %{{y:.1%}}<extra></extra>"
        fig.add_scatter(x=x, y=y, name=name, line=style, mode="lines+markers", hovertemplate=hover)
    fig.update_xaxes(title_text="Labels of each arm", rangemode="tozero")
    fig.update_yaxes(title_text="Accuracy", tickformat=".0%", nticks=6)
    return fig
