"""One run as it goes: its phase, figures and curves, drawn anew each second for as long as it lives."""

import math
import time
from contextlib import suppress
from dataclasses import replace

import pandas as pd
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ftcore import config, tracking
from ftcore.config import NEW_MODEL, mode_title
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints
from ftcore.models.spec import ModelSpec
from ftcore.runs import queue
from pages.components.charts import palette
from pages.components.charts.live_chart import AXES, Trace, live_charts_of, packed
from pages.components.forms import settings_form
from pages.components.forms.layer_picture import layers
from pages.components.runs import run_controls
from pages.components.runs.script_button import script_button
from pages.components.text import formatting
from pages.components.text.escaping import plain

TICK = 1.0  # seconds from one drawing to the next, for a few who watch
AT_ONCE = 3  # so many; of ten tabs each is drawn anew every four seconds, and training goes on


def live_run(run_id: str) -> None:
    """Draw the run. Raises UnfreezeError where there is none of that id."""
    _now.clear(run_id)  # it may have been resumed a moment ago
    run = tracking.run(run_id)
    tick = TICK * max(1, math.ceil(_watching(run_id) / AT_ONCE)) if run.live else None
    st.fragment(_draw, run_every=tick)(run_id, run.live, bool(run.facts))
    _record(run)


@st.cache_resource(max_entries=20, show_spinner=False)
def _watchers(run_id: str) -> dict[str, float]:
    """When each browser tab was last drawn."""
    return {}


def _watching(run_id: str) -> int:
    """How many tabs show a run now, this one among them."""
    watchers, now = _watchers(run_id), time.monotonic()
    context = get_script_run_ctx()
    if context is not None:
        watchers[context.session_id] = now
    return sum(now - seen < 15 * TICK for seen in list(watchers.values()))


@st.cache_data(ttl=0.9 * TICK, max_entries=20, show_spinner=False)  # ten tabs look, and one reads
def _now(run_id: str) -> tuple[tracking.Run, pd.DataFrame]:
    return tracking.run(run_id), tracking.history(run_id)


@st.cache_data(ttl=0.9 * TICK, max_entries=20, show_spinner=False)
def _curves(run_id: str, name: str, colour: str, axis: str, _history: pd.DataFrame) -> bytes:
    return packed([Trace(run_id, name, colour, _history)], axis, revision=run_id)


def _draw(run_id: str, ticking: bool, begun: bool) -> None:
    _watching(run_id)
    try:
        run, history = _now(run_id)
    except UnfreezeError:  # it was deleted; the page says so, unless that was asked for here
        if run_controls.discarded(run_id):
            st.query_params.clear()
        st.rerun()
    if (run.live, bool(run.facts)) != (ticking, begun):
        st.rerun()  # of the whole page, which draws its settings, or its end, and no longer ticks

    _head(run)
    if run.live:
        with st.container(height=58, border=False):  # as high as the notice that replaces it
            _progress(run, history)
    else:
        _end(run)
    _picture(run, history)
    _figures(run, history)
    axis = st.segmented_control(
        "Horizontal axis",
        AXES,
        format_func=AXES.get,
        default="step",
        required=True,
        key="axis",
        persist_state="session",
        label_visibility="collapsed",
    )
    colour = palette.model_colour(run.config.mode)
    live_charts_of(_curves(run_id, run.name, colour, axis, history), key="live_charts")


def _head(run: tracking.Run) -> None:
    st.title(plain(run.name), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        if run.config.checkpoint == NEW_MODEL:
            st.badge("New model", color="gray")
        else:
            st.badge(mode_title(run.config.mode), color=palette.mode_badge(run.config.mode))
        st.badge(run.status.capitalize(), color=palette.BADGES[run.status])
        st.space("stretch")
        if run.live:
            run_controls.while_it_goes(run)
        if st.button("New run", key="new", icon=":material/add:"):
            st.query_params.clear()
            st.rerun()


def _progress(run: tracking.Run, history: pd.DataFrame) -> None:
    if run.status == "queued":
        order = queue.queue()
        said = ["**Waiting**"]
        if run.run_id in order[1:]:  # else it is on the queue of another process
            place = order.index(run.run_id)
            said.append(f"place {place} in the queue")
            said += [f"after {plain(one.name)}" for one in tracking.several([order[place - 1]])]
        elif why := queue.trouble(run.run_id):
            said.append(plain(why))
        st.progress(0.0, "  ·  ".join(said))
        return
    done, total, unit = run.phase_done, run.phase_total, run.phase_unit
    left = formatting.time_left(run.phase_seconds, done, total)
    if run.phase in ("training", "evaluating") and run.facts:
        # The two take turns: one bar for both, by steps, does not jump.
        reached = history["step"].max() if len(history) else 0
        done = max(done if run.phase == "training" else 0, reached)
        total, unit = run.facts["steps"], "steps"
        left = formatting.time_left(history["seconds"].max(), reached, total)
    parts = [f"**{formatting.PHASES[run.phase]}**"]
    if total:
        parts.append(f"{formatting.count(done)} of {formatting.count(total)} {unit}")
    elif done:
        parts.append(f"{formatting.count(done)} {unit}")
    st.progress(min(done / total, 1.0) if total else 0.0, "  ·  ".join([*parts, *left]))


def _end(run: tracking.Run) -> None:
    try:
        kept = checkpoints.find(run.run_id)
    except UnfreezeError:
        kept = None
    with st.container(horizontal=True, vertical_alignment="center"):
        if run.status == "finished":
            st.success(f"**Finished.** {plain(run.message)}", icon=":material/check_circle:")
        elif run.status in ("stopped", "paused"):
            icon = "stop_circle" if run.status == "stopped" else "pause_circle"
            st.info(plain(run.message), icon=f":material/{icon}:")
        else:
            st.error(plain(run.message), icon=":material/error:")
        if run.resumable:
            run_controls.when_it_rests(run, kept is not None)
        if kept and st.button(
            "Try it",
            key="try",
            type="secondary" if run.resumable else "primary",
            icon=":material/chat:",
        ):
            st.switch_page("predict.py", query_params={"model": run.run_id})
        again = run.config.checkpoint not in ("", NEW_MODEL)  # a reference starts from none
        if again and st.button(
            "Run again with these settings", key="again", icon=":material/replay:"
        ):
            settings_form.fill(run.config.to_dict() | {"name": ""})
            st.query_params.clear()
            st.rerun()
        if again and run.status == "finished":
            script_button(run)


def _picture(run: tracking.Run, history: pd.DataFrame) -> None:
    """The model: what trains at this very moment, or did when the run ended."""
    shape = _shape(run)
    if shape is not None:
        reached = int(history["epoch"].max()) if len(history) else 0
        epoch = min(reached, run.config.epochs - 1)
        layers(run.config, shape, key="layers", epoch=epoch, row=True)


def _shape(run: tracking.Run) -> ModelSpec | None:
    """The sizes of its model; None where neither it nor what it started from is on this disk."""
    for ref in filter(None, (run.run_id, run.config.checkpoint)):
        with suppress(UnfreezeError):
            classes = len(datasets.LABELS[run.config.dataset])
            return replace(checkpoints.find(ref).model, classes=classes)
    return None


def _record(run: tracking.Run) -> None:
    with st.expander("Settings and notes of this run"):
        for note in run.notes:
            st.markdown(f"- {plain(note)}")
        facts = {
            "Trains": run.facts.get("trains", ""),
            "Texts": ", ".join(
                f"{formatting.count(run.facts[f'{split}_texts'])} {name}"
                for split, name in (("train", "training"), ("val", "validation"), ("test", "test"))
                if f"{split}_texts" in run.facts
            ),
            "Data from": run.facts.get("data_from", ""),
            "Trained on": " ".join(str(run.facts.get(key, "")) for key in ("device", "precision")),
            "Text vectors": formatting.features(run.metrics),
            "Split": run.facts.get("split_fingerprint", ""),
        }
        settings = {
            config.label(setting): value
            for setting in config.meant(run.config)
            if (value := getattr(run.config, setting.name)) != ""
        }
        shown = {
            name: plain(str(value)) for name, value in (facts | settings).items() if value != ""
        }
        st.table(shown, border="horizontal")


def _figures(run: tracking.Run, history: pd.DataFrame) -> None:
    best = history.loc[history["split"] == "val", "accuracy"].max()
    trained = history[history["split"] == "train"]
    seconds = trained["seconds"].max()
    speed = trained["examples"].max() / seconds if seconds else math.nan
    with st.grid(4, min_column_width=150, border=True):
        for name, value in (
            ("Best validation", formatting.percent(best)),
            ("Test accuracy", formatting.percent(run.metrics.get("test_accuracy"))),
            ("Speed", f"{speed:,.0f} texts/s" if speed > 0 else formatting.NONE),
            ("Training time", formatting.duration(seconds)),
        ):
            st.metric(name, value)
