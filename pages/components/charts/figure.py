"""A still chart that keeps its node, follows the theme, can be clicked and saved as a picture.

`st.plotly_chart` makes a new node whenever its data changes, and draws in plotly's own colours.
"""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.components.charts.component import script_component
from pages.components.shell import assets

_mount = script_component("figure", assets.FIGURE, assets.PLOTLY_BASE)


def figure(
    fig: go.Figure | str,
    key: str,
    name: str,
    clicks: bool = False,
    on_click: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any] | None:
    """Draw a figure or its JSON; with `clicks`, return the point just clicked: x, y and customdata.

    `on_click` receives that point before the page runs again, so that what stands above may follow. Zoom is
    kept while `layout.uirevision`, or else `name`, stays the same. Pictures are saved under `name`.
    """
    clicks = clicks or on_click is not None
    content = fig if isinstance(fig, str) else fig.to_json()
    data = {"figure": content, "name": f"unfreeze-{name}", "clicks": clicks}
    if not clicks:
        _mount(key=key, data=data)
        return None

    def clicked() -> None:
        point = (st.session_state.get(key) or {}).get("clicked")
        if point and on_click is not None:
            on_click(point)

    return _mount(key=key, data=data, on_clicked_change=clicked)["clicked"]
