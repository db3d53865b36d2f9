"""Data: where each dataset comes from, its balance, the lengths of its texts, and examples."""

import random

import numpy as np
import streamlit as st

from ftcore import formatting
from ftcore.data import datasets
from ftcore.data.text_dataset import TextDataset
from pages.components.charts.palette import class_colours
from pages.components.forms.settings_form import DATA_PATH
from pages.components.forms.task_progress import run_task
from pages.components.text.errors import show_errors
from pages.components.text.escaping import escape_markdown
from pages.components.text.html_fragments import example_text

MAX_LOADED = 3  # datasets in memory
SAMPLE_SIZE = 2_000  # texts whose tokens are counted
LENGTHS = (16, 32, 64, 128, 256, 384, 512, 768, 1024)
PAGE_SIZE = 10  # examples
MOST_PILLS = 12  # classes to choose from; more of them are a list
EXCERPT = 400  # characters of an example before it unfolds
LAYOUT = {"margin": {"l": 0, "r": 0, "t": 8, "b": 0}, "showlegend": False, "dragmode": False}
GREY = "#64748B"
NO_TOOLBAR = {"displayModeBar": False}
NO_LABEL = {"label_visibility": "collapsed"}
PARTS = {"train": "Training", "test": "Test"}


@st.cache_resource
def loaded_datasets() -> dict[tuple[str, str, str], TextDataset]:
    """Datasets in memory, shared by all sessions, the newest last."""
    return {}


@st.cache_data(max_entries=20, show_spinner=False)
def token_counts(fingerprint: str, _texts: list[str]) -> np.ndarray:
    """Tokens per text of a random sample of up to SAMPLE_SIZE texts, the same one each time."""
    from ftcore.text import word_rules

    sample = random.Random(0).sample(_texts, min(SAMPLE_SIZE, len(_texts)))
    return np.array([len(word_rules.CURRENT.tokenize(text)) for text in sample])


st.title("Data", anchor=False)
# `?dataset=` holds the name. A widget bound to the address would put its title there, as an earlier
# version did; those links still work.
titles = {name: datasets.title(name).removesuffix(" (synthetic)") for name in datasets.names()}
in_address = st.query_params.get("dataset", "")
linked = next((name for name in titles if in_address in (name, titles[name])), "")
if linked and linked != st.session_state.get("data_linked"):
    st.session_state.dataset = linked
st.session_state.setdefault("dataset", "sample")
options = {"format_func": titles.get, **NO_LABEL}
name = st.segmented_control("Dataset", titles, required=True, key="dataset", **options)
if name != (in_address or "sample"):
    st.query_params["dataset"] = name
st.session_state.data_linked = name

takes_source = datasets.find_spec(name).takes_source
source, load_clicked = "", not takes_source
if takes_source:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.text_input("Where it is", key=f"data_source_{name}", **DATA_PATH).strip()
        load_clicked = st.button("Load", type="primary", icon=":material/download:")
key = (name, source, datasets.version(name, source))
dataset = loaded_datasets().get(key)
if dataset is None:
    if not load_clicked:
        st.info("Load it, and its texts are shown here.")
        st.stop()
    with show_errors():
        dataset = run_task(datasets.load(name, source))
    if dataset is None:
        st.stop()
    loaded_datasets()[key] = dataset
    while len(loaded_datasets()) > MAX_LOADED:
        loaded_datasets().pop(next(iter(loaded_datasets())), None)
colours = class_colours(dataset.labels)

if dataset.synthetic:
    st.info(
        "Synthetic: our own generator wrote these reviews, with negation and contrast, to show what "
        "fine-tuning all layers can do that a new last layer cannot.",
        icon=":material/science:",
    )
train_texts = dataset.train.texts
train_rows, val_rows = datasets.split(dataset, seed=0)
with st.grid(columns=4, min_column_width=150, border=True):
    st.metric("Training", formatting.count(len(train_rows)))
    drawn = "" if dataset.val_rows else "5% of the training texts."
    st.metric("Validation", formatting.count(len(val_rows)), help=drawn or None)
    st.metric("Test", formatting.count(len(dataset.test.texts)))
    st.metric("Classes", len(dataset.labels))
st.caption(f"Source: {escape_markdown(dataset.source)} · fingerprint {dataset.fingerprint}")
for note in dataset.reading.notes:
    st.info(escape_markdown(note))


@st.fragment
def show_lengths() -> None:
    """Draw a histogram of tokens per text, and the share of texts that a limit truncates."""
    label = "Longest text that a model reads, in tokens"
    limit = st.select_slider(label, LENGTHS, 256, key="data_longest", persist_state="session")
    with st.spinner("Counting tokens …"):
        tokens = token_counts(dataset.fingerprint, train_texts)
    share = formatting.percent(float((tokens > limit).mean()))
    sampled = f" (of {SAMPLE_SIZE:,} drawn at random)" if len(train_texts) > SAMPLE_SIZE else ""
    st.markdown(f"**{share}** of the texts are longer and get truncated{sampled}.")
    edge = float(np.percentile(tokens, 99)) * 1.1
    hover = "%{x} tokens: %{y} texts<extra></extra>"
    bars = go.Histogram(x=tokens[tokens <= edge], nbinsx=50, marker_color=GREY, hovertemplate=hover)
    axis = {"title": "Tokens", "range": [0, edge]}
    figure = go.Figure(bars, LAYOUT | {"height": 240, "bargap": 0.05, "xaxis": axis})
    if limit <= edge:
        figure.add_vline(limit, line={"color": "#DC2626", "width": 2, "dash": "dash"})
    alt = "Number of training texts by their tokens"
    st.plotly_chart(figure, config=NO_TOOLBAR, key="data_lengths", alt=alt)


@st.fragment
def show_examples() -> None:
    """Draw texts of one part, filtered by class and by a search."""
    with st.container(horizontal=True, vertical_alignment="center"):
        options = {"key": "data_part", "required": True, "format_func": PARTS.get, **NO_LABEL}
        part = st.segmented_control("Part", PARTS, default="train", **options)
        options = {"key": f"data_class_{name}", **NO_LABEL}
        if len(dataset.labels) > MOST_PILLS:
            options |= {"index": None, "placeholder": "All classes"}
            chosen_label = st.selectbox("Class", dataset.labels, **options)
        else:
            chosen_label = st.pills("Class", dataset.labels, wrap=True, **options)
        options = {"placeholder": "Search", "icon": ":material/search:", **NO_LABEL}
        query = st.text_input("Search", key="data_query", **options).strip()[:200]
    texts = getattr(dataset, part)
    rows = [
        row
        for row, (text, label) in enumerate(zip(texts.texts, texts.labels, strict=True))
        if chosen_label in (None, dataset.labels[label]) and query.lower() in text.lower()
    ]
    if not rows:
        st.info("No text has that in it; search for less.")
        return
    random.Random(0).shuffle(rows)  # stored texts are sorted by class
    st.caption(f"{len(rows):,} of {len(texts.texts):,} texts")
    examples = st.container()
    pages = -(-len(rows) // PAGE_SIZE)
    page = st.pagination(pages, key=f"data_page_{name}_{part}_{chosen_label}_{query}")
    with examples:
        for row in rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
            label = dataset.labels[texts.labels[row]]
            st.html(example_text(texts.texts[row], label, colours[label], query, EXCERPT))


balance, histogram = st.columns([2, 3], gap="large")
with balance:
    st.subheader("Classes", anchor=False)
    balance_slot = st.empty()
with histogram:
    st.subheader("Lengths", anchor=False)

import plotly.graph_objects as go  # noqa: E402  takes half a second, so the figures above are painted first

from pages.components.charts.balance_figure import class_balance  # noqa: E402

counts = np.bincount(dataset.train.labels, minlength=len(dataset.labels)).tolist()
figure = class_balance(dict(zip(dataset.labels, counts, strict=True)), colours)
alt = "Training texts of each class"
balance_slot.plotly_chart(figure, config=NO_TOOLBAR, key="data_balance", alt=alt)
with histogram:
    show_lengths()
st.subheader("Examples", anchor=False)
show_examples()
