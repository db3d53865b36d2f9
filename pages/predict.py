"""Predict: one text and every chosen model's answer side by side, and many texts at once.

A file of texts is answered in the background. The models stand in the address as `?models=`; a link with
`?model=` adds what that model compares with.
"""

import streamlit as st

from ftcore.errors import UnfreezeError
from pages.components.forms.checkpoint_picker import models_that_answer
from pages.components.predict.answered_list import answered_list
from pages.components.predict.answers import answers
from pages.components.predict.file_form import file_form
from pages.components.predict.many_texts import many_texts
from pages.components.text.escaping import escape_markdown

EXAMPLES = {
    "Praise": "A warm, funny film with a cast that clearly enjoys every minute of it.",
    "Negation": "I did not laugh once, and nothing about the ending felt earned.",
    "Double negation": "It is not that I never enjoyed it; there was hardly a dull scene.",
    "Contrast": "The trailer is gorgeous and the cast is brilliant, but the film itself is a mess.",
    "Faint praise": "Well, the popcorn was excellent.",
    "News": "Shares of the airline rose after it raised its profit forecast for the year.",
}

session = st.session_state
session.setdefault("predict_text", EXAMPLES["Contrast"])


def use_example() -> None:
    """Callback: type the chosen example and clear the choice, so that it can be chosen again."""
    if name := session.predict_example:
        session.predict_text = EXAMPLES[name]
    session.predict_example = None


st.title("Predict", anchor=False)
question, answer_column = st.columns([5, 7], gap="medium")
with question:
    hints = {"placeholder": "A film review, or a headline", "help": "Ctrl + Enter asks the models."}
    text = st.text_area("Text", key="predict_text", height=130, persist_state="session", **hints)
    st.pills("Examples", EXAMPLES, key="predict_example", on_change=use_example, wrap=True)
    models_slot = st.empty()
with answer_column:
    answer_slot = st.empty()
    answer_slot.skeleton(height=180)

# The page above is painted before MLflow, and then torch, are imported.
try:
    choices = models_that_answer()
except UnfreezeError as error:
    answer_slot.error(escape_markdown(str(error)))
    st.stop()
if not choices:
    answer_slot.info("There is no model yet. Train one, and it answers here.")
    st.page_link("train.py", label="Train a model", icon=":material/play_circle:")
    st.stop()

default = ["sentiment"] if "sentiment" in choices else list(choices)[:1]


def suggested() -> list[str]:
    """The newest finished full and last-layer runs and their parents, otherwise the default model."""
    newest = {
        choice.mode: ref
        for ref, choice in reversed(choices.items())
        if choice.checkpoint.kind == "run" and choice.status == "finished"
    }
    runs = [newest[mode] for mode in ("full", "last-layer") if mode in newest]
    parents = [choices[ref].checkpoint.parent for ref in runs]
    return [ref for ref in dict.fromkeys(runs + parents) if ref in choices] or default


def models_to_show() -> list[str]:
    """The models of the address, otherwise those chosen before, otherwise the suggested ones."""
    linked, listed = (st.query_params.get(name, "") for name in ("model", "models"))
    if linked and linked not in choices:
        message = "That model has nothing saved yet; it can be chosen after its first evaluation."
        question.info(message)
    if linked in choices:
        return [linked, choices[linked].checkpoint.parent, *default]
    if listed and listed != session.get("predict_listed"):
        refs = listed.split(",")
        if gone := sum(ref not in choices for ref in refs):
            are = "model of this link is" if gone == 1 else "models of this link are"
            question.info(f"{gone} {are} no longer here.")
        return refs
    if not listed and session.get("predict_models") == session.get("predict_suggested"):
        session.predict_suggested = suggested()
        return session.predict_suggested
    return session.get("predict_models", default)


refs = list(dict.fromkeys(ref for ref in models_to_show() if ref in choices))
if refs != session.get("predict_models"):
    session.predict_models = refs
titles = {
    ref: f"{choice.title} (training)" if choice.training else choice.title
    for ref, choice in choices.items()
}
options = {"format_func": titles.get, "placeholder": "Choose one or several", "select_all": False}
chosen = models_slot.multiselect(
    "Models", choices, key="predict_models", persist_state="session", **options
)
session.predict_listed = ",".join(chosen)
address = {"models": session.predict_listed}
if st.query_params.to_dict() != address:  # each assignment adds an entry to the browser's history
    st.query_params.from_dict(address)

if not chosen:
    answer_slot.info("Choose a model, and it answers here.")
elif not text.strip():
    answer_slot.info("Type a text or click an example, and each model answers here.")
else:
    with answer_slot.container():
        answers(text, chosen, choices)

with st.expander("Many texts at once", icon=":material/list:"):
    many_texts(chosen, choices)
with st.expander("A file of texts", icon=":material/description:"):
    file_form(chosen, choices)
answered_list()
