"""Results of runs, read once, and what is computed from them once, for every viewer and every click."""

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from ftcore.experiments import catalog

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from ftcore.experiments.result import Result

T = TypeVar("T")


@st.cache_resource(max_entries=10, show_spinner="Reading the runs …")
def results_of(states: tuple[tuple[str, str], ...]) -> "list[Result]":
    """Results of runs that have ended, by id and state, as an interrupted run may be resumed."""
    return catalog.load([run_id for run_id, _ in states])


def bundled_results(experiment: str) -> "list[Result]":
    """Results of a bundled experiment, which are read once. Raises UnfreezeError if it is not there."""
    with st.spinner("Reading the runs …"):
        return catalog.load(experiment)


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
