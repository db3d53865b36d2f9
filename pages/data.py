"""Data: the datasets, built in and of one's own: what is in them, a form that adds one (`?add`), and labels
worth a second look (`?view=labels`).
"""

import streamlit as st

from ftcore import formatting
from ftcore.data import datasets
from ftcore.data.store import card as stored, versions
from ftcore.data.text_dataset import TextDataset
from ftcore.errors import UnfreezeError
from pages.components.data import card_view
from pages.components.data.actions import (
    card_buttons,
    delete_button,
    second_look_button,
    train_button,
)
from pages.components.data.add_form import add_form
from pages.components.data.second_look_view import second_look_view
from pages.components.data.texts_view import texts_view
from pages.components.forms.settings_form import DATA_PATH
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_error, show_errors
from pages.components.text.escaping import escape_markdown

MAX_LOADED = 3  # datasets in memory
MOST_AT_ONCE = 100_000  # texts of one's own that are read without a click


@st.cache_resource
def loaded_datasets() -> dict[tuple[str, str, str], TextDataset]:
    """Datasets in memory, shared by all sessions, the newest last."""
    return {}


def show_dataset(name: str) -> None:
    """Show a dataset from now on; only before a rerun."""
    st.query_params.from_dict({"dataset": name})
    st.rerun()


if "add" in st.query_params:
    if st.button("Back to the data", icon=":material/arrow_back:", type="tertiary"):
        st.query_params.clear()
        st.rerun()
    st.title("Add your own texts", anchor=False)
    with st.container(width=960):
        if added := add_form():
            show_dataset(added.name)
    st.stop()

st.title("Data", anchor=False)
# `?dataset=` holds the name. A widget bound to the address would put its title there, as an earlier
# version did; those links still work.
names = datasets.names()
names += [name for name in stored.names() if name not in names]  # damaged, to be deleted
in_address = st.query_params.get("dataset", "")
known = datasets.titles()
titles = {name: known.get(name, name).removesuffix(" (synthetic)") for name in names}
linked = next((name for name in names if in_address in (name, titles[name])), "")
if linked and linked != st.session_state.get("data_linked"):
    st.session_state.dataset = linked
if st.session_state.get("dataset") not in names:  # or it was removed
    st.session_state.dataset = "sample"
with st.container(horizontal=True, vertical_alignment="bottom"):
    # Titles without sizes: the browser names its choice by what is shown, and a size may change.
    options = {"format_func": titles.get, "width": 440, "persist_state": "session"}
    name = st.selectbox("Dataset", names, key="dataset", **options)
    if st.button("Add your own", icon=":material/add:"):
        st.query_params.from_dict({"add": "texts"})
        st.rerun()
if name != (in_address or "sample"):
    st.query_params["dataset"] = name
st.session_state.data_linked = name

try:
    spec = datasets.find_spec(name)
    card = versions.get(name) if spec.stored else None
except UnfreezeError as error:
    show_error(error)
    delete_button(name)
    st.stop()
if st.query_params.get("view") == "labels":
    if st.button("Back to the texts", icon=":material/arrow_back:", type="tertiary"):
        del st.query_params["view"]
        st.rerun()
    st.subheader("Labels worth a second look", anchor=False)
    second_look_view(spec, card)
    st.stop()
actions = st.container(horizontal=True, vertical_alignment="center", gap="small")
source, load_clicked = "", not spec.takes_source
if card is not None:
    with actions:
        train_button(name)
        second_look_button()
        card_buttons(card)
    card_view.figures(card)
    card_view.origin(card)
    st.subheader("What was found", anchor=False)
    card_view.findings(card)
    if not sum(card.sizes.values()):
        st.stop()
    if card.stored > MOST_AT_ONCE:
        load_clicked = st.button("Show the texts", icon=":material/visibility:")
elif spec.takes_source:
    with actions:
        source = st.text_input("Where it is", key=f"data_source_{name}", **DATA_PATH).strip()
        load_clicked = st.button("Load", icon=":material/download:")
key = (name, source, datasets.version(name, source))
progress = (
    st.container()
)  # also drawn without a bar, as charts below are drawn anew where they move
dataset = loaded_datasets().get(key)
if dataset is None:
    if not load_clicked:
        if card is None:
            st.info("Load it, and its texts are shown here.")
        st.stop()
    with progress, show_errors():
        dataset = run_task(datasets.load(name, source))
    if dataset is None:
        st.stop()
    loaded_datasets()[key] = dataset
    while len(loaded_datasets()) > MAX_LOADED:
        loaded_datasets().pop(next(iter(loaded_datasets())), None)

val_rows = list(dataset.val_rows)
train_rows = sorted({*range(len(dataset.train.texts))} - {*val_rows})
if card is None:
    train_rows, val_rows = datasets.split(dataset, seed=0)
    if dataset.synthetic:
        st.info(
            "Synthetic: our own generator wrote these reviews, with negation and contrast, to show what "
            "fine-tuning all layers can do that a new last layer cannot.",
            icon=":material/science:",
        )
    with st.grid(columns=4, min_column_width=150, border=True):
        st.metric("Training", formatting.count(len(train_rows)))
        st.metric("Validation", formatting.count(len(val_rows)), help="5% of the training texts.")
        st.metric("Test", formatting.count(len(dataset.test.texts)))
        st.metric("Classes", len(dataset.labels))
    st.caption(f"Source: {escape_markdown(dataset.source)} · fingerprint {dataset.fingerprint}")
    for note in dataset.reading.notes:
        st.info(escape_markdown(note))
    with actions:
        train_button(name, source)
        second_look_button()
texts_view(
    dataset,
    {
        "Training": dataset.train.at(train_rows),
        "Validation": dataset.train.at(val_rows),
        "Test": dataset.test,
    },
)
