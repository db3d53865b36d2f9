"""A finished experiment: its verdict and its curves, and both once more at any speed.

The browser cuts the curves; nothing is computed, and a class of watchers costs the server nothing.
"""

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
    """Draw charts that were `packed` with the time of each point, and `story`: the verdict, as parts of a
    text with a colour each or none, and further sentences."""
    _mount(key=key, data=data, on_replaying_change=lambda: None)


def replaying(key: str) -> bool:
    """Whether it is under way, so that a page keeps its end to itself."""
    return bool((st.session_state.get(key) or {}).get("replaying"))
