"""What is made once of some runs, for all who look at them and for every click."""

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from ftcore.experiments.result import Result

T = TypeVar("T")


def kept(results: "Sequence[Result]", what: tuple[Hashable, ...], make: Callable[[], T]) -> T:
    """What `make` returns, a copy of its own for each who asks.

    `what` names it, with all that it depends on besides these runs and their state.
    """
    runs = tuple((one.run.run_id, one.run.state, one.run.name) for one in results)
    return _made(runs, what, make)


def kept_figure(
    results: "Sequence[Result]", what: tuple[Hashable, ...], draw: "Callable[[], go.Figure]"
) -> str:
    """The same of a figure, as JSON: making one takes longer than sending it."""
    return kept(results, ("figure", *what), lambda: draw().to_json())


@st.cache_data(max_entries=200, show_spinner=False)
def _made(runs: tuple[Hashable, ...], what: tuple[Hashable, ...], _make: Callable[[], Any]) -> Any:
    return _make()
