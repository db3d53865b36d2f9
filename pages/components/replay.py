"""A finished experiment once more, at any speed: the browser cuts the curves, and nothing is computed."""

import streamlit as st

from pages.components import assets
from pages.components.live_chart import FETCH

_mount = st.components.v2.component(
    "unfreeze_replay",
    js=FETCH
    + f"const replay = import(location.origin + {assets.address(assets.REPLAY)!r});\n"
    + "export default async (component) => (await replay).draw(component, await chart, plotly);",
    isolate_styles=False,
)


def replay(data: bytes, key: str) -> None:
    """Draw charts that were `packed` with the time of each point, and the controls of a replay."""
    _mount(key=key, data=data, on_replaying_change=lambda: None)


def replaying(key: str) -> bool:
    """Whether it is under way, so that a page keeps its end to itself."""
    return bool((st.session_state.get(key) or {}).get("replaying"))
