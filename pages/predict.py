"""One text, every chosen model's answer side by side; and many texts at once."""

import io

import pandas as pd
import streamlit as st

from ftcore.errors import UnfreezeError
from pages.components.charts.palette import class_colours
from pages.components.forms.checkpoint_picker import CheckpointChoice, checkpoint_choices
from pages.components.predict.explanation import explanations
from pages.components.text.escaping import escape_formulas, escape_markdown
from pages.components.text.html_fragments import probability_bars, token_list

EXAMPLES = {
    "Praise": "A warm, funny film with a cast that clearly enjoys every minute of it.",
    "Negation": "I did not laugh once, and nothing about the ending felt earned.",
    "Double negation": "It is not that I never enjoyed it; there was hardly a dull scene.",
    "Contrast": "The trailer is gorgeous and the cast is brilliant, but the film itself is a mess.",
    "Faint praise": "Well, the popcorn was excellent.",
    "News": "Shares of the airline rose after it raised its profit forecast for the year.",
}
MAX_LENGTH = 100_000  # characters; a model reads a few hundred words of them
MOST_TEXTS = 2_000

st.session_state.setdefault("predict_text", EXAMPLES["Contrast"])


def use_example() -> None:
    """Type the chosen example, and let the same one be chosen again."""
    if name := st.session_state.predict_example:
        st.session_state.predict_text = EXAMPLES[name]
    st.session_state.predict_example = None


st.title("Predict", anchor=False)
question, answers = st.columns([5, 7], gap="medium")
with question:
    text = st.text_area(
        "Text",
        key="predict_text",
        height=130,
        persist_state="session",
        placeholder="A film review, or a headline",
        help="Ctrl + Enter asks the models.",
    )
    st.pills("Examples", EXAMPLES, key="predict_example", on_change=use_example, wrap=True)
    chooser = st.empty()
with answers:
    waiting = st.empty()
    waiting.skeleton(height=180)

# All above is on the screen before the record of runs, and then torch, are imported.
try:
    available = checkpoint_choices()
except UnfreezeError as error:
    waiting.error(str(error))
    st.stop()
if not available:
    waiting.info("There is no model yet. Train one, and it answers here.")
    st.page_link("train.py", label="Train a model", icon=":material/play_circle:")
    st.stop()


def suggested() -> list[str]:
    """The newest full and last-layer run and what they started from; before there are any, a bundled one."""
    finished = {
        model.mode: ref
        for ref, model in reversed(available.items())
        if model.checkpoint.kind == "run" and model.status == "finished"
    }
    runs = [finished[mode] for mode in ("full", "last-layer") if mode in finished]
    parents = [available[ref].checkpoint.parent for ref in runs]
    return [ref for ref in dict.fromkeys(runs + parents) if ref in available] or bundled


# A link brings ?model=; what is chosen then stands in ?models=, for a refresh or a colleague.
bundled = [ref for ref in ("sentiment",) if ref in available] or list(available)[:1]
linked, listed = (st.query_params.get(name, "") for name in ("model", "models"))
session = st.session_state
if linked in available:
    wanted = [linked, available[linked].checkpoint.parent, *bundled]
elif listed and listed != session.get("predict_listed"):
    wanted = listed.split(",")
    if gone := [ref for ref in wanted if ref not in available]:
        are = "model of this link is" if len(gone) == 1 else "models of this link are"
        question.info(f"{len(gone)} {are} no longer here.")
elif not listed and session.get("predict_models") == session.get("predict_suggested"):
    wanted = session.predict_suggested = suggested()  # nobody has chosen anything else yet
else:
    wanted = session.get("predict_models", bundled)
if linked and linked not in available:
    question.info("That model has nothing saved yet; it can be chosen after its first evaluation.")
wanted = list(dict.fromkeys(ref for ref in wanted if ref in available))
if wanted != session.get("predict_models"):
    session.predict_models = wanted
chosen = chooser.multiselect(
    "Models",
    available,
    key="predict_models",
    persist_state="session",
    format_func=lambda ref: available[ref].title + " (training)" * available[ref].training,
    placeholder="Choose one or several",
    select_all=False,
)
address = {"models": ",".join(chosen)}
if st.query_params.to_dict() != address:  # each setting is a step of the browser's history
    st.query_params.from_dict(address)
session.predict_listed = address["models"]
training = [ref for ref in chosen if available[ref].training]


def answer(model: CheckpointChoice, prediction) -> None:
    """One model's label and probabilities."""
    st.markdown(f"**{escape_markdown(model.title)}** {model.badge}")
    st.html(
        probability_bars(prediction.probabilities, class_colours(list(prediction.probabilities)))
    )
    st.caption(" · ".join(filter(None, (f"{prediction.milliseconds:.1f} ms", model.training_note))))


def reading(titles: list[str], prediction, of_all: bool) -> None:
    """The words as these models read them."""
    unknown = prediction.known.count(False)
    words = (
        f"{unknown} of {len(prediction.tokens)} words unknown" if unknown else "every word known"
    )
    cut = f", only {len(prediction.tokens)} read" if prediction.truncated else ""
    whom = "" if of_all else f" by {', '.join(map(escape_markdown, titles))}"
    st.caption(f"As read{whom}: {words}{cut}")
    st.html(token_list(prediction.tokens, prediction.known, prediction.gap))


@st.fragment(run_every="3s" if training else None)
def show_answers() -> None:
    """Again and again while one of them trains, each time by its best state so far."""
    from ftcore.inference.prediction import predict

    now = checkpoint_choices()
    if any(ref not in now or not now[ref].training for ref in training):
        st.rerun()
    if len(text) > MAX_LENGTH:
        st.info(f"Only the first {MAX_LENGTH:,} of {len(text):,} characters are looked at.")
    readings: dict[tuple, list[str]] = {}
    shown = {}
    with st.grid(columns=min(2, len(chosen)), min_column_width=260, border=True) as grid:
        for ref in chosen:
            with grid.cell():
                try:
                    [prediction] = predict(ref, [text[:MAX_LENGTH]])
                except UnfreezeError as error:
                    st.error(str(error))
                    continue
                model = now.get(ref, available[ref])
                answer(model, prediction)
            key = (*prediction.tokens, *prediction.known, prediction.gap)
            shown[key] = prediction
            readings.setdefault(key, []).append(model.title)
    if st.toggle(
        "Why",
        key="predict_why",
        persist_state="session",
        help="Shades each word by what it adds to a model's answer.",
    ):
        explanations(text[:MAX_LENGTH], chosen)
        return
    for key, titles in readings.items():
        reading(titles, shown[key], of_all=len(readings) == 1)


with answers:
    if not chosen:
        waiting.info("Choose a model, and it answers here.")
    elif not text.strip():
        waiting.info("Type a text or click an example, and each model answers here.")
    else:
        with waiting.container():
            show_answers()

with st.expander("Many texts at once", icon=":material/list:"):
    pasted = st.text_area(
        "Texts, one a line",
        key="predict_many",
        height=160,
        persist_state="session",
        placeholder="One text\nAnother text",
    )
    lines = [line.strip()[:MAX_LENGTH] for line in pasted.splitlines() if line.strip()]
    if len(lines) > MOST_TEXTS:
        st.info(f"Only the first {MOST_TEXTS:,} of {len(lines):,} texts are answered.")
        lines = lines[:MOST_TEXTS]
    # Never disabled and always of that name: a changed button misses the click that leaves the box.
    pressed = st.button("Answer", key="predict_answer")
    if pressed and not (lines and chosen):
        st.info("Paste some texts first." if chosen else "Choose a model first.")
    elif pressed:
        from ftcore.events import Progress, drain
        from ftcore.inference.prediction import predict_many

        bar = st.progress(0.0)
        columns: dict[str, list] = {"text": lines}
        try:
            for ref in chosen:
                title = available[ref].title

                def report(event: object, title: str = title) -> None:
                    if isinstance(event, Progress) and event.phase == "testing":
                        bar.progress(
                            event.done / len(lines), f"{escape_markdown(title)}: {event.done:,.0f}"
                        )

                found = drain(predict_many(ref, lines), report)
                name = title if title not in columns else f"{title} ({ref[:8]})"
                columns[name] = [one.label for one in found]
                columns[f"{name}, confidence"] = [max(one.probabilities.values()) for one in found]
            session.predict_table = pd.DataFrame(columns)
        except UnfreezeError as error:
            st.error(str(error))
        bar.empty()
    if "predict_table" in session:
        table = session.predict_table
        st.dataframe(
            table,
            hide_index=True,
            column_config={
                "text": st.column_config.TextColumn("Text", width="medium"),
                **{
                    name: st.column_config.ProgressColumn(
                        format="percent", min_value=0, max_value=1
                    )
                    for name in table.columns
                    if name.endswith(", confidence")
                },
            },
        )
        csv = io.BytesIO()
        escape_formulas(table).to_csv(
            csv, index=False, encoding="utf-8-sig"
        )  # the mark lets Excel read it right
        st.download_button(
            "Download CSV",
            csv.getvalue(),
            "predictions.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
