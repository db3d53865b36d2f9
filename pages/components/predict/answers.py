"""The answers of several models to one text, and the text as each of them reads it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from ftcore.colours import class_colours
from ftcore.errors import UnfreezeError
from ftcore.formatting import short_percent
from pages.components.forms.checkpoint_picker import CheckpointChoice, models_that_answer
from pages.components.predict.explanation import explanations
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_markdown
from pages.components.text.html_fragments import probability_bars, token_list

if TYPE_CHECKING:
    from ftcore.inference.prediction import Prediction

MAX_LENGTH = 100_000  # characters; a model reads a few hundred words of them
RAW = "predict_raw"  # key of the switch


def answers(text: str, refs: Sequence[str], choices: Mapping[str, CheckpointChoice]) -> None:
    """Draw each model's answer; redraw every 3 s while one of the models is in training."""
    training = [ref for ref in refs if choices[ref].training]
    st.fragment(_draw, run_every="3s" if training else None)(text, refs, training)


def are_raw() -> bool:
    """Whether probabilities are asked for as the models give them, though some are calibrated."""
    return bool(st.session_state.get(RAW))


def _draw(text: str, refs: Sequence[str], training: Sequence[str]) -> None:
    from ftcore.inference.prediction import SAYS_NOTHING, predict  # imports torch

    choices = models_that_answer()
    if any(ref not in choices or not choices[ref].training for ref in training):
        st.rerun()
    if len(text) > MAX_LENGTH:
        st.info(f"Only the first {MAX_LENGTH:,} of {len(text):,} characters are looked at.")
    text = text[:MAX_LENGTH]
    # Models that read the text alike share one reading: a prediction and the titles of the models.
    readings: dict[object, tuple[Prediction, list[str]]] = {}
    promised = None
    with st.grid(columns=min(2, len(refs)), min_column_width=260, border=True) as grid:
        for ref in refs:
            with grid.cell(), show_errors():
                if ref not in choices:
                    raise UnfreezeError("This model no longer exists; choose another.")
                [prediction] = predict(ref, [text], are_raw())
                _answer(choices[ref], prediction)
                promised = promised or prediction.calibration
                if prediction.says_nothing:
                    st.warning(SAYS_NOTHING, icon=":material/help:")
                key = (*prediction.tokens, *prediction.known, prediction.gap)
                readings.setdefault(key, (prediction, []))[1].append(choices[ref].title)
    if promised:
        share = short_percent(promised.target)
        st.caption(
            f"At {share}: for {share} of the texts of each class, the true label is among those named. "
            "Not sure: the model names none, or more than one."
        )
    shades = "Shades each word by what it adds to a model's answer."
    with st.container(horizontal=True):
        why = st.toggle("Why", key="predict_why", persist_state="session", help=shades)
        if promised or are_raw():
            as_given = "Probabilities as the models give them, without their calibration."
            st.toggle("Raw probabilities", key=RAW, persist_state="session", help=as_given)
    if why:
        explanations(text, refs, are_raw())
        return
    for prediction, titles in readings.values():
        _reading(prediction, titles if len(readings) > 1 else [])


def _answer(choice: CheckpointChoice, prediction: "Prediction") -> None:
    probabilities = prediction.probabilities
    st.markdown(f"**{escape_markdown(choice.title)}** {choice.badge}")
    if prediction.thresholds:
        sure = ":orange-badge[not sure]" if prediction.not_sure else ""
        st.markdown(f"Answer: **{escape_markdown(prediction.label)}** {sure}")
    colours = class_colours(list(probabilities))
    st.html(probability_bars(probabilities, colours, prediction.labels, prediction.thresholds))
    if kept := prediction.calibration:
        sure = ":orange-badge[not sure]" if prediction.not_sure else ""
        st.markdown(f"{escape_markdown(kept.promise(prediction.label_set))} {sure}")
    step = choice.checkpoint.metrics.get("best_step", 0)
    state = f" · training now, step {step:,.0f}" if choice.training else ""
    marks = " · each label is answered from its mark on" if prediction.thresholds else ""
    if prediction.thresholds and prediction.not_sure:
        marks += " · not sure: a label is close to its mark"
    calibrated = " · calibrated" if prediction.calibration else ""
    st.caption(f"{prediction.milliseconds:.1f} ms{state}{marks}{calibrated}")


def _reading(prediction: "Prediction", titles: Sequence[str]) -> None:
    """The words that the models of these titles read; no titles stand for all models."""
    count, unknown = len(prediction.tokens), prediction.known.count(False)
    by = f" by {', '.join(map(escape_markdown, titles))}" if titles else ""
    words = f"{unknown} of {count} words unknown" if unknown else "every word known"
    truncation = f", only {count} read" if prediction.truncated else ""
    st.caption(f"As read{by}: {words}{truncation}")
    st.html(token_list(prediction.tokens, prediction.known, prediction.gap))
