"""Parts that the still charts share.

`figure.js` adds what depends on the theme: fonts, greys, and colours that stand out from the background.
Text in a figure is plotly's markup, so names of users and texts of data are escaped.
"""

import plotly.graph_objects as go
from numpy import r_
from numpy.typing import NDArray

from pages.components.text.escaping import escape_html

GREY = "#808080"
NAME_LENGTH = 24  # characters of a class beside its figures


def empty_figure(
    title: str, caption: str = "", height: int = 360, legend: bool = False
) -> go.Figure:
    """A figure without data; figure.js shows title and caption above it, and in saved pictures."""
    place = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"}
    layout = {"template": go.layout.Template(), "legend": place | {"itemsizing": "constant"}}
    layout |= {"height": height, "showlegend": legend, "hovermode": "closest"}
    layout |= {"title": {"text": title, "subtitle": {"text": caption}}}
    return go.Figure(layout=layout | {"margin": {"l": 8, "r": 16, "t": 12, "b": 8}})


def short_name(label: str) -> str:
    """The name of a class, escaped and cut to leave room for its figures."""
    return escape_html(label if len(label) <= NAME_LENGTH else f"{label[: NAME_LENGTH - 1]}…")


def add_band(fig: go.Figure, x: NDArray, low: NDArray, high: NDArray, colour: str) -> None:
    """Fill the area between two curves, such as the lowest and the highest of several seeds."""
    style = {"mode": "lines", "line_width": 0, "hoverinfo": "skip", "showlegend": False}
    style |= {"fill": "toself", "fillcolor": with_opacity(colour, 0.18)}
    fig.add_scatter(x=r_[x, x[::-1]], y=r_[high, low[::-1]], **style)


def with_opacity(colour: str, opacity: float) -> str:
    """#2563EB as rgba(37,99,235,opacity)."""
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgba({red},{green},{blue},{opacity:g})"
