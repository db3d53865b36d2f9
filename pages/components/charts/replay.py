"""A finished experiment: its verdict and its curves, and both once more at any speed.

The browser cuts the curves; nothing is computed, and a class of watchers costs the server nothing.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

import streamlit as st

from ftcore.experiments.result import Result
from pages.components.charts import comparison_figures, run_curves
from pages.components.charts.comparison_figures import LABEL_LENGTH
from pages.components.charts.live_chart import FETCH, Trace
from pages.components.shell import assets

_mount = st.components.v2.component(
    "unfreeze_replay",
    js=FETCH
    + f"const replay = import(location.origin + {assets.address(assets.REPLAY)!r});\n"
    + "export default async (component) => (await replay).draw(component, await chart, plotly);",
    isolate_styles=False,
)


def replay(data: bytes, key: str) -> None:
    """Draw charts that were `packed` with the time of each point, and `story`: the verdict, as parts of a
    text with a colour each or none, further sentences, and what was `watched`."""
    _mount(key=key, data=data, on_replaying_change=lambda: None)


def watched(results: Sequence[Result], traces: Sequence[Trace], axis: str) -> list[dict[str, Any]]:
    """How probable the last class was for each watched sentence: a chart each, with curves of the traces."""
    found = comparison_figures.watching(results)
    if not found:
        return []
    label = comparison_figures.classes(found[0])[-1]
    place = {trace.run_id: number for number, trace in enumerate(traces)}
    return [
        {
            "title": f"{label}: “{textwrap.shorten(said, LABEL_LENGTH, placeholder=' …')}”",
            "curves": [
                {"run": place[lane.run.run_id]}
                | {
                    part: lane.history[column].round(5).tolist()
                    for part, column in (
                        ("x", axis),
                        ("y", "probability"),
                        ("t", "seconds"),
                        ("low", "low"),
                        ("high", "high"),
                    )
                }
                for lane in run_curves.watched(
                    found, number, len(comparison_figures.classes(found[0])) - 1
                )
                if lane.run.run_id in place
            ],
        }
        for number, said in enumerate(found[0].run.config.watched)
    ]


def replaying(key: str) -> bool:
    """Whether it is under way, so that a page keeps its end to itself."""
    return bool((st.session_state.get(key) or {}).get("replaying"))
