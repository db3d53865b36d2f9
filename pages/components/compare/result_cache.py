"""What is computed once from the results of some runs, for every viewer and every click."""

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from ftcore.experiments.result import Result

T = TypeVar("T")


def cached(results: "Sequence[Result]", key: tuple[Hashable, ...], compute: Callable[[], T]) -> T:
    """What `compute` returns, a copy for each caller.

    `key` names it, with everything that it depends on besides these runs and their state.
    """
    runs = tuple((result.run.run_id, result.run.revision, result.run.name) for result in results)
    return _computed(runs, key, compute)


def cached_figure(
    results: "Sequence[Result]", key: tuple[Hashable, ...], draw: "Callable[[], go.Figure | None]"
) -> str:
    """The JSON of the figure that `draw` returns, as it takes longer to make than to send; "" for None."""

    def draw_json() -> str:
        fig = draw()
        return "" if fig is None else fig.to_json()

    return cached(results, ("figure", *key), draw_json)


@st.cache_data(max_entries=200, show_spinner=False)
def _computed(
    runs: tuple[Hashable, ...], key: tuple[Hashable, ...], _compute: Callable[[], Any]
) -> Any:
    return _compute()
