"""Datasets: where they come from, how they are balanced, how long their texts are, and examples."""

import random

import numpy as np
import streamlit as st

from ftcore import formatting, validation
from ftcore.data import datasets
from ftcore.data.text_dataset import TextDataset
from ftcore.errors import UnfreezeError
from pages.components.charts.palette import class_colours
from pages.components.forms.task_progress import run_task
from pages.components.text.escaping import escape_markdown
from pages.components.text.html_fragments import example_text

KEPT = 3  # datasets in memory
MEASURED = 2_000  # texts whose tokens are counted
LENGTHS = (16, 32, 64, 128, 256, 384, 512, 768, 1024)
A_PAGE = 10  # examples
SHOWN = 400  # characters of an example before it unfolds
STILL = {"margin": {"l": 0, "r": 0, "t": 8, "b": 0}, "showlegend": False, "dragmode": False}
BARE = {"displayModeBar": False}
PARTS = {"train": "Training", "test": "Test"}


@st.cache_resource
def loaded() -> dict[tuple[str, str, float], TextDataset]:
    """Datasets that were read, the newest last, for every visitor."""
    return {}


@st.cache_data(max_entries=20, show_spinner=False)
def lengths(fingerprint: str, _texts: list[str]) -> np.ndarray:
    """Tokens of each of a random sample of texts, the same sample each time."""
    from ftcore.text.vocabulary import tokenize  # imports torch

    sample = random.Random(0).sample(_texts, min(MEASURED, len(_texts)))
    return np.array([len(tokenize(text)) for text in sample])


def changed(source: str) -> float:
    """When a file or folder was last written, so that a new one is read anew."""
    try:
        return validation.existing_path(source).stat().st_mtime if source else 0.0
    except (OSError, UnfreezeError):
        return 0.0


st.title("Data", anchor=False)
# What is chosen stands in ?dataset=. A widget bound to it would put its title there, as it once did, and
# know no other.
titles = {one: datasets.title(one).removesuffix(" (synthetic)") for one in datasets.NAMES}
given = st.query_params.get("dataset", "")
linked = next((one for one in datasets.NAMES if given in (one, titles[one])), "")
if linked and linked != st.session_state.get("data_linked"):
    st.session_state.dataset = linked
st.session_state.setdefault("dataset", "sample")
name = st.segmented_control(
    "Dataset",
    datasets.NAMES,
    required=True,
    key="dataset",
    format_func=titles.get,
    label_visibility="collapsed",
)
if name != (given or "sample"):
    st.query_params["dataset"] = name
st.session_state.data_linked = name
source = ""
if name != "sample":
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.text_input(
            "Where it is",
            key=f"data_source_{name}",
            persist_state="session",
            placeholder="An archive or a folder on this machine; empty downloads it",
        ).strip()
        asked = st.button("Load", type="primary", icon=":material/download:")
key = (name, source, changed(source))
dataset = loaded().get(key)
if dataset is None:
    if name != "sample" and not asked:
        st.info("Load it, and its texts are shown here.")
        st.stop()
    try:
        dataset = run_task(datasets.load(name, source))
    except UnfreezeError as error:
        st.error(escape_markdown(str(error)))
        st.stop()
    loaded()[key] = dataset
    while len(loaded()) > KEPT:
        loaded().pop(next(iter(loaded())), None)
colours = class_colours(dataset.labels)

if dataset.synthetic:
    st.info(
        "Synthetic: our own generator wrote these reviews, with negation and contrast, to show what "
        "fine-tuning all layers can do that a new last layer cannot.",
        icon=":material/science:",
    )
train_rows, validation_rows = datasets.split(len(dataset.train.texts), seed=0)
with st.grid(columns=4, min_column_width=150, border=True):
    st.metric("Training", formatting.count(len(train_rows)))
    st.metric(
        "Validation", formatting.count(len(validation_rows)), help="5% of the training texts."
    )
    st.metric("Test", formatting.count(len(dataset.test.texts)))
    st.metric("Classes", len(dataset.labels))
st.caption(f"Source: {escape_markdown(dataset.source)} · fingerprint {dataset.fingerprint}")


@st.fragment
def show_lengths() -> None:
    """How many tokens the texts have, and how many of them are read in part."""
    longest = st.select_slider(
        "Longest text that a model reads, in tokens",
        LENGTHS,
        256,
        key="data_longest",
        persist_state="session",
    )
    with st.spinner("Counting tokens …"):
        tokens = lengths(dataset.fingerprint, dataset.train.texts)
    cut = float((tokens > longest).mean())
    among = f" (of {MEASURED:,} drawn at random)" if len(dataset.train.texts) > MEASURED else ""
    st.markdown(
        f"**{formatting.percent(cut)}** of the texts are longer, and not read whole{among}."
    )
    edge = float(np.percentile(tokens, 99)) * 1.1
    figure = go.Figure(
        go.Histogram(
            x=tokens[tokens <= edge],
            nbinsx=50,
            marker_color="#64748B",
            hovertemplate="%{x} tokens: %{y} texts<extra></extra>",
        ),
        STILL | {"height": 240, "bargap": 0.05, "xaxis": {"title": "Tokens", "range": [0, edge]}},
    )
    if longest <= edge:
        figure.add_vline(longest, line={"color": "#DC2626", "width": 2, "dash": "dash"})
    st.plotly_chart(
        figure, config=BARE, key="data_lengths", alt="Number of training texts by their tokens"
    )


@st.fragment
def show_examples() -> None:
    """Texts of one part, by class and by what stands in them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        part = st.segmented_control(
            "Part",
            PARTS,
            default="train",
            required=True,
            key="data_part",
            format_func=PARTS.get,
            label_visibility="collapsed",
        )
        wanted = st.pills(
            "Class",
            dataset.labels,
            key=f"data_class_{name}",
            label_visibility="collapsed",
            wrap=True,
        )
        query = st.text_input(
            "Search",
            key="data_query",
            placeholder="Search",
            icon=":material/search:",
            label_visibility="collapsed",
        ).strip()[:200]
    texts = getattr(dataset, part)
    rows = [
        row
        for row, (text, label) in enumerate(zip(texts.texts, texts.labels, strict=True))
        if (wanted is None or dataset.labels[label] == wanted) and query.lower() in text.lower()
    ]
    if not rows:
        st.info("No text has that in it; search for less.")
        return
    random.Random(0).shuffle(rows)  # as stored, a class stands after the other
    st.caption(f"{len(rows):,} of {len(texts.texts):,} texts")
    examples = st.container()
    pages = -(-len(rows) // A_PAGE)
    page = st.pagination(pages, key=f"data_page_{name}_{part}_{wanted}_{query}")
    with examples:
        for row in rows[(page - 1) * A_PAGE : page * A_PAGE]:
            label = dataset.labels[texts.labels[row]]
            st.html(example_text(texts.texts[row], label, colours[label], query, SHOWN))


balance, histogram = st.columns([2, 3], gap="large")
with balance:
    st.subheader("Classes", anchor=False)
    balance_slot = st.empty()
with histogram:
    st.subheader("Lengths", anchor=False)

import plotly.graph_objects as go  # noqa: E402  half a second, after the figures are on the screen

counts = np.bincount(dataset.train.labels, minlength=len(dataset.labels))
bars = go.Bar(
    x=counts,
    y=list(dataset.labels),
    orientation="h",
    marker_color=[*colours.values()],
    text=[formatting.count(count) for count in counts],
    textposition="auto",
    hovertemplate="%{y}: %{x:,}<extra></extra>",
)
axes = {"xaxis": {"visible": False}, "yaxis": {"autorange": "reversed", "ticklabelstandoff": 8}}
balance_slot.plotly_chart(
    go.Figure(bars, STILL | axes | {"height": 56 * len(counts), "bargap": 0.3}),
    config=BARE,
    key="data_balance",
    alt="Training texts of each class",
)
with histogram:
    show_lengths()
st.subheader("Examples", anchor=False)
show_examples()
