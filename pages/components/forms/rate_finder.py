"""The search for a learning rate, beside the field that takes it."""

import streamlit as st

from ftcore.colours import model_colour
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.training import lr_search
from ftcore.training.lr_search import Search
from pages.components.forms import settings_form as form
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_errors


def rate_button() -> bool:
    """Draw the button; True if it was clicked."""
    explanation = "A short run in which the learning rate rises until the loss explodes."
    options = {"icon": ":material/troubleshoot:", "type": "tertiary"}
    return st.button("Find a rate", key="find_rate", help=explanation, **options)


def rate_search(clicked: bool) -> None:
    """Search if the button was clicked, and draw the result while it holds for the form's settings."""
    values = form.values()
    settings = {n: v for n, v in values.items() if n not in lr_search.unused(values["mode"])}
    if clicked:
        with show_errors():
            st.session_state.rate_search = settings, _search(FineTuneConfig(**form.values()))
    searched_settings, search = st.session_state.get("rate_search", (None, None))
    if searched_settings == settings:
        _draw(search)


def _search(config: FineTuneConfig) -> Search:
    from ftcore.runs.scheduler import scheduler  # imports MLflow

    if scheduler.queue.order():
        raise UnfreezeError(
            "A run is training now, and a search would slow it down; search when it has ended."
        )
    return run_task(lr_search.find_rate_in_subprocess(config))


def _draw(search: Search) -> None:
    if search.suggestion is None:
        st.info(lr_search.NOTHING)
        return
    from pages.components.charts.figure import figure  # imports plotly
    from pages.components.charts.figure_parts import GREY, empty_figure

    fig = empty_figure("Training loss, the rate rising", height=200)
    line = {"color": model_colour(st.session_state[form.key("mode")]), "width": 2.5}
    hover = "%{x:.2g}: %{y:.3f}<extra></extra>"
    fig.add_scatter(x=search.rates, y=search.losses, mode="lines", hovertemplate=hover, line=line)
    lowest, first = min(search.losses), search.losses[0]
    fig.update_yaxes(range=[lowest - 0.2 * (first - lowest), first + 0.6 * (first - lowest)])
    fig.update_xaxes(type="log", title_text="Learning rate", dtick=1, exponentformat="power")
    fig.add_vline(search.suggestion, line={"dash": "dash", "width": 1.5, "color": GREY})
    figure(fig, key="rate_figure", name="learning-rate")
    used = st.session_state[form.key("learning_rate")] == search.suggestion
    explanation = (
        "A quarter of the highest rate at which the loss keeps most of its fall; for the last layer "
        "alone, that rate."
    )
    options = {"key": "use_rate", "icon": ":material/check:", "help": explanation}
    options |= {"on_click": form.fill, "args": ({"learning_rate": search.suggestion},)}
    st.button(f"Use {search.suggestion:g}", disabled=used, **options)
