"""How many texts each class has: a labelled bar for each, or of many classes columns by size."""

from collections.abc import Mapping

import plotly.graph_objects as go

from ftcore.formatting import count
from pages.components.charts.figure_parts import GREY
from pages.components.charts.palette import text_on
from pages.components.text.escaping import escape_html

MOST_LABELLED = 30  # classes
FEW = 8  # classes, whose bars are thick


def class_balance(counts: Mapping[str, int], colours: Mapping[str, str]) -> go.Figure:
    """A chart of the texts of each class, in the order of the classes if they are few, else by size."""
    layout = {"margin": {"l": 0, "r": 0, "t": 8, "b": 0}, "showlegend": False, "dragmode": False}
    if len(counts) > FEW:
        counts = dict(sorted(counts.items(), key=lambda item: -item[1]))
    names = [escape_html(name) for name in counts]
    hover = "%{customdata}: %{text}<extra></extra>"
    style = {"customdata": names, "hovertemplate": hover, "text": [*map(count, counts.values())]}
    if len(counts) > MOST_LABELLED:
        bars = go.Bar(x=list(range(len(counts))), y=[*counts.values()], marker_color=GREY, **style)
        bars.update(textposition="none")
        title = {"text": f"{len(counts)} classes, the largest first"}
        axes = {"xaxis": {"showticklabels": False, "title": title}}
        return go.Figure(bars, layout | axes | {"height": 300, "bargap": 0.1})
    bars = go.Bar(x=[*counts.values()], y=list(range(len(counts))), orientation="h", **style)
    of_classes = [colours[name] for name in counts]
    on_bars = [text_on(colour) for colour in of_classes]
    bars.update(marker_color=of_classes, textposition="auto", textangle=0)
    bars.update(insidetextfont_color=on_bars)
    ticks = {"tickvals": list(range(len(counts))), "ticktext": names, "ticklabelstandoff": 8}
    axes = {"xaxis": {"visible": False}, "yaxis": {"autorange": "reversed", **ticks}}
    row = 56 if len(counts) <= FEW else 26
    return go.Figure(bars, layout | axes | {"height": row * len(counts), "bargap": 0.3})
