"""One run: its phase, figures and curves, redrawn every second while it is live."""

import math
import time
from contextlib import suppress

import pandas as pd
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ftcore import formatting, tracking
from ftcore.colours import model_colour
from ftcore.config import NEW_MODEL
from ftcore.data import datasets
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints
from ftcore.modes import REFERENCES, mode_title
from ftcore.relevance import shown_values
from ftcore.runs.checks import data_fault
from ftcore.runs.scheduler import scheduler
from pages.components.charts.live_chart import Trace, axis_input, live_charts, metrics_of, pack
from pages.components.charts.measures import by_macro_f1, several_labels
from pages.components.charts.palette import BADGES, mode_badge
from pages.components.forms import settings_form
from pages.components.forms.layer_picture import layer_picture
from pages.components.forms.take_away import take_away_button
from pages.components.runs import run_controls
from pages.components.runs.calibration_view import calibration_view
from pages.components.runs.class_table import class_table
from pages.components.runs.script_button import script_button
from pages.components.runs.stored_files import fetch_files
from pages.components.runs.use_it import use_it
from pages.components.text import labels
from pages.components.text.errors import show_error
from pages.components.text.escaping import escape_markdown

SEPARATOR = "  ·  "
TICK = 1.0  # seconds between two drawings, for up to TABS_PER_TICK tabs
TABS_PER_TICK = 3  # more tabs are redrawn less often, so that training does not slow down


def live_run(run_id: str) -> None:
    """Draw the run. Raises UnfreezeError if it does not exist."""
    _current_state.clear(run_id)  # the run may have been resumed since
    run = _run(run_id)
    fetch_files([run_id])
    tick = TICK * max(1, math.ceil(_count_tabs(run_id) / TABS_PER_TICK)) if run.live else None
    st.fragment(_draw, run_every=tick)(run_id, run.live, bool(run.facts))
    if run.live or run_id not in {each.ref for each in checkpoints.list_checkpoints()}:
        _settings_and_notes(run)
        return
    about, use = st.tabs(["About this run", "Use it"])
    with about:
        _settings_and_notes(run)
    with use:
        use_it(run)


def _run(run_id: str) -> tracking.Run:
    """The run; once one that this tab discarded has ended, the page is drawn again without it."""
    try:
        run = tracking.run(run_id)
        if run.live or not run_controls.discarded_here(run_id):
            return run
    except tracking.RecordUnavailable:
        raise
    except UnfreezeError:
        if not run_controls.discarded_here(run_id):
            raise
    st.query_params.clear()
    st.rerun()


@st.cache_resource(max_entries=20, show_spinner=False)
def _last_drawn(run_id: str) -> dict[str, float]:
    """When each browser tab last drew the run, by session id."""
    return {}


def _count_tabs(run_id: str) -> int:
    """The number of tabs that show the run now, this one included."""
    last_drawn, now = _last_drawn(run_id), time.monotonic()
    context = get_script_run_ctx()
    if context is not None:
        last_drawn[context.session_id] = now
    return sum(now - drawn < 15 * TICK for drawn in list(last_drawn.values()))


# Cached for a little less than a tick, so that several tabs read the record once.
@st.cache_data(ttl=0.9 * TICK, max_entries=20, show_spinner=False)
def _current_state(run_id: str) -> tuple[tracking.Run, pd.DataFrame]:
    return tracking.run(run_id), tracking.history(run_id)


@st.cache_data(ttl=0.9 * TICK, max_entries=20, show_spinner=False)
def _curves(
    run_id: str, name: str, colour: str, axis: str, metrics: dict[str, str], _history: pd.DataFrame
) -> bytes:
    return pack([Trace(run_id, name, colour, _history)], axis, run_id, metrics)


def _draw(run_id: str, was_live: bool, had_started: bool) -> None:
    _count_tabs(run_id)
    try:
        run, history = _current_state(run_id)
    except tracking.RecordUnavailable as error:  # the next tick may find it again
        show_error(error)
        return
    except UnfreezeError:  # the run was deleted; the rerun page shows that, or the form
        st.rerun()
    if (run.live, bool(run.facts)) != (was_live, had_started):
        st.rerun()  # the whole page, which has more to show and may stop ticking

    _header(run)
    if run.live:
        with st.container(height=58, border=False):  # as high as the message that replaces it
            _progress_bar(run, history)
    else:
        _ending(run)
    _layers(run, history)
    _metrics(run, history)
    axis = axis_input("axis", persist_state="session")
    colour = model_colour(run.config.mode)
    curves = _curves(run_id, run.name, colour, axis, metrics_of([run]), history)
    live_charts(curves, key="live_charts")
    if not run.live:
        class_table(run)
        calibration_view(run)


def _header(run: tracking.Run) -> None:
    st.title(escape_markdown(run.name), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        if run.config.checkpoint == NEW_MODEL:
            st.badge("New model", color="gray")
        else:
            st.markdown(mode_badge(run.config.mode, mode_title(run.config.mode)))
        st.badge(run.status.capitalize(), color=BADGES[run.status])
        if run.imported:
            st.badge("Imported", color="gray")
        st.space("stretch")
        if run.live:
            run_controls.live_controls(run)
        if st.button("New run", key="new", icon=":material/add:"):
            st.query_params.clear()
            st.rerun()


def _progress_bar(run: tracking.Run, history: pd.DataFrame) -> None:
    if run.status == "queued":
        st.progress(0.0, SEPARATOR.join(_place_in_queue(run)))
        return
    done, total, unit = run.phase_done, run.phase_total, run.phase_unit
    time_left = labels.time_left(run.phase_seconds, done, total)
    if run.phase in ("training", "evaluating") and run.facts:
        # The phases alternate. One bar by steps for both does not jump.
        step = history["step"].max() if len(history) else 0
        done = max(done if run.phase == "training" else 0, step)
        total, unit = run.facts["steps"], "steps"
        # Without the time before the first step, in which text vectors are computed.
        seconds = history["seconds"].max() - history["seconds"].min()
        time_left = labels.time_left(seconds, step, total)
    parts = [f"**{labels.PHASE_TITLES[run.phase]}**"]
    if total:
        parts.append(f"{formatting.count(done)} of {formatting.count(total)} {unit}")
    elif done:
        parts.append(f"{formatting.count(done)} {unit}")
    if run.worker == "ray":
        time_left = [*time_left, f"on {escape_markdown(run.node)}"]
    st.progress(min(done / total, 1.0) if total else 0.0, SEPARATOR.join([*parts, *time_left]))


def _place_in_queue(run: tracking.Run) -> list[str]:
    """Why the run waits, as phrases; short if a command holds it."""
    trouble = scheduler.queue.start_errors.get(run.run_id) or run.message
    run_ids, running = scheduler.queue.order(), scheduler.queue.running()
    if run.run_id in run_ids[1:] and not trouble:
        before = run_ids[run_ids.index(run.run_id) - 1]
        names = [escape_markdown(run.name) for run in tracking.find_runs([before])]
        place = run_ids.index(run.run_id) - len(running) + 1
        return ["**Waiting**", f"place {place} in the queue", *(f"after {name}" for name in names)]
    return ["**Waiting**", escape_markdown(trouble)] if trouble else ["**Waiting**"]


def _ending(run: tracking.Run) -> None:
    """How the run ended, and what can be done next."""
    message = escape_markdown(run.message)
    saved = {checkpoint.ref: checkpoint for checkpoint in checkpoints.list_checkpoints()}
    checkpoint = saved.get(run.run_id)
    with st.container(horizontal=True, vertical_alignment="center"):
        if run.status == "finished":
            st.success(f"**Finished.** {message}", icon=":material/check_circle:")
        elif run.status in ("stopped", "paused"):
            icon = "stop_circle" if run.status == "stopped" else "pause_circle"
            st.info(message, icon=f":material/{icon}:")
        else:
            st.error(message, icon=":material/error:")
        if run.resumable:
            run_controls.resume_controls(run, checkpoint is not None)
        importance = "secondary" if run.resumable else "primary"
        if checkpoint and st.button("Try it", key="try", type=importance, icon=":material/chat:"):
            st.switch_page("predict.py", query_params={"model": run.run_id})
        if checkpoint:
            take_away_button(checkpoint, key="take_away")
        if run.config.mode in REFERENCES or run.config.checkpoint == NEW_MODEL:
            return
        if st.button("Run again with these settings", key="again", icon=":material/replay:"):
            # With the steps that fitted into its minutes, the result is the same.
            again = {"name": "", "minutes": 0.0} if run.config.steps else {"name": ""}
            settings_form.fill(run.config.to_dict() | again)
            st.query_params.clear()
            st.rerun()
        if run.status == "finished":
            script_button(run)


def _layers(run: tracking.Run, history: pd.DataFrame) -> None:
    """The layer groups that train now, or trained when the run ended.

    Nothing if neither the run's checkpoint nor its parent is on this disk.
    """
    reached = int(history["epoch"].max()) if len(history) else 0
    epoch = min(reached, run.config.epochs - 1)
    for ref in filter(None, (run.run_id, run.config.checkpoint)):
        with suppress(UnfreezeError):
            classes = len(datasets.find_spec(run.config.dataset).labels)
            spec = checkpoints.find(ref).model.with_head(classes, run.config.pooling)
            layer_picture(run.config, spec, key="layers", epoch=epoch, row=True)
            return


def _metrics(run: tracking.Run, history: pd.DataFrame) -> None:
    by_f1, several = by_macro_f1(run), several_labels(run)
    best = history.loc[history["split"] == "val", "macro_f1" if by_f1 else "accuracy"].max()
    trained = history[history["split"] == "train"]
    seconds = trained["seconds"].max()
    speed = trained["examples"].max() / seconds if seconds else math.nan
    tested, test_texts = run.metrics.get("test_accuracy"), run.facts.get("test_texts")
    with st.grid(4 + by_f1 + several, min_column_width=150, border=True):
        name = "Validation, macro F1" if by_f1 else "Best validation"  # no longer, for phones
        help = "The best so far." if by_f1 else None
        _accuracy(name, best, run.facts.get("val_texts"), help)
        if by_f1:
            f1 = formatting.percent(run.metrics.get("macro_f1"))
            help = "Mean F1 of all classes."
            if not several:
                balanced = formatting.percent(run.metrics.get("balanced_accuracy"))
                help += f" Balanced accuracy, the mean of their recalls: {balanced}."
            st.metric("Test, macro F1", f1, help=help)
        if several:
            f1 = formatting.percent(run.metrics.get("micro_f1"))
            st.metric("Test, micro F1", f1, help="F1 of all labels together.")
        help = "The share of texts with exactly the right labels." if several else None
        accuracy = f"Test {labels.accuracy_title(several).lower()}"
        _accuracy(accuracy, tested, test_texts, help)
        st.metric("Texts a second", formatting.count(speed) if speed > 0 else formatting.MISSING)
        st.metric("Training time", formatting.duration(seconds))


def _accuracy(name: str, share: float | None, texts: float | None, help: str | None) -> None:
    """Draw a share of texts; few are counted on a line of their own, which a phone has room for."""
    figure, _, of_texts = formatting.accuracy(share, texts).partition(" ")
    st.metric(name, figure, of_texts or None, "off", help=help, delta_arrow="off")


def _settings_and_notes(run: tracking.Run) -> None:
    facts = run.facts
    splits = {"train_texts": "training", "val_texts": "validation", "test_texts": "test"}
    texts = [f"{formatting.count(facts[key])} {splits[key]}" for key in splits if key in facts]
    rows = {
        "Trains": facts.get("trains", ""),
        "Texts": ", ".join(texts),
        "Data from": facts.get("data_from", ""),
        "Executed by": f"Ray, on {run.node}" if run.worker == "ray" else "",
        "Trained on": " ".join(str(facts.get(key, "")) for key in ("device", "precision")).strip(),
        "Text vectors": labels.feature_time(run.metrics),
        "Split": facts.get("split_fingerprint", ""),
    }
    rows |= shown_values(run.config)
    with st.expander("Settings and notes of this run"):
        for note in filter(None, [data_fault(run.config, facts), *run.notes]):
            st.markdown(f"- {escape_markdown(note)}")
        shown = {name: escape_markdown(str(value)) for name, value in rows.items() if value != ""}
        st.table(shown, border="horizontal")
