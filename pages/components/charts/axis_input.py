"""The choice of the horizontal axis of live charts."""

from typing import Any

import streamlit as st

from pages.components.charts.live_chart import AXES


def axis_input(key: str, **options: Any) -> str:
    """Draw the choice, with `options` of `st.segmented_control`, and return a key of AXES."""
    return st.segmented_control(
        "Horizontal axis",
        AXES,
        format_func=AXES.get,
        default="step",
        required=True,
        key=key,
        label_visibility="collapsed",
        **options,
    )
