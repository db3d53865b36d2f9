"""A still chart that keeps its node, follows the theme, can be clicked and saved as a picture.

`st.plotly_chart` makes a new node at every change of its data, and reads plotly's own colours.
"""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.components.charts.live_chart import FETCH
from pages.components.shell import assets

_mount = st.components.v2.component(
    "unfreeze_figure",
    js=FETCH
    + f"const figure = import(location.origin + {assets.address(assets.FIGURE)!r});\n"
    + "export default async (component) => (await figure).draw(component, await chart, plotly);",
    isolate_styles=False,
)


def figure(
    fig: go.Figure | str,
    key: str,
    name: str,
    clicks: bool = False,
    on_click: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any] | None:
    """Draw a figure, or its JSON; with `clicks`, return the point just clicked: x, y and its customdata.

    `on_click` is called with it before the page runs again, so that what stands above may follow. Zoom is
    kept while `layout.uirevision`, or else `name`, stays the same. Pictures are saved under `name`.
    """
    clicks = clicks or on_click is not None
    drawn = fig if isinstance(fig, str) else fig.to_json()
    data = {"figure": drawn, "name": f"unfreeze-{name}", "clicks": clicks}
    if not clicks:
        _mount(key=key, data=data)
        return None

    def told() -> None:
        point = (st.session_state.get(key) or {}).get("clicked")
        if point and on_click is not None:
            on_click(point)

    return _mount(key=key, data=data, on_clicked_change=told)["clicked"]
