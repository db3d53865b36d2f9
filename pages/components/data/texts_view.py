"""The texts of a dataset: classes, lengths, and examples with a search."""

import random
from collections.abc import Mapping

import numpy as np
import streamlit as st

from ftcore import answers, formatting
from ftcore.colours import class_colours
from ftcore.data.text_dataset import TextDataset, Texts, numbers
from pages.components.data.fit_view import fit_view
from pages.components.text.html_fragments import example_text

SAMPLE_SIZE = 2_000  # texts whose tokens are counted
LENGTHS = (16, 32, 64, 128, 256, 384, 512, 768, 1024)
PAGE_SIZE = 10  # examples
EXCERPT = 400  # characters of an example before it unfolds
MOST_PILLS = 12  # classes to filter by with one click
LAYOUT = {"margin": {"l": 0, "r": 0, "t": 8, "b": 0}, "showlegend": False, "dragmode": False}
GREY = "#64748B"
NO_TOOLBAR = {"displayModeBar": False}
NO_LABEL = {"label_visibility": "collapsed"}


def texts_view(dataset: TextDataset, parts: Mapping[str, Texts]) -> None:
    """Draw charts of the training texts, and examples of all `parts`, which have titles.

    Headings come first, as plotly takes half a second to import.
    """
    balance, histogram = st.columns([2, 3], gap="large")
    with balance:
        st.subheader("Classes", anchor=False)
        balance_slot = st.empty()
        fit_slot = st.container()
    with histogram:
        st.subheader("Lengths", anchor=False)

    from pages.components.charts.balance_figure import class_balance

    colours = class_colours(dataset.labels)
    counts = parts["Training"].counts(len(dataset.labels)).tolist()
    figure = class_balance(dict(zip(dataset.labels, counts, strict=True)), colours)
    alt = "Training texts of each class"
    balance_slot.plotly_chart(figure, config=NO_TOOLBAR, key="data_balance", alt=alt)
    with histogram:
        _lengths(dataset.fingerprint, parts["Training"].texts)
    with fit_slot:
        fit_view(dataset)
    st.subheader("Examples", anchor=False)
    _examples(dataset, {name: texts for name, texts in parts.items() if texts.texts}, colours)


@st.cache_data(max_entries=20, show_spinner=False)
def token_counts(fingerprint: str, _texts: list[str]) -> np.ndarray:
    """Tokens per text of a random sample of up to SAMPLE_SIZE texts, the same one each time."""
    from ftcore.text import word_rules

    sample = random.Random(0).sample(_texts, min(SAMPLE_SIZE, len(_texts)))
    return np.array([len(word_rules.CURRENT.tokenize(text)) for text in sample])


@st.fragment
def _lengths(fingerprint: str, texts: list[str]) -> None:
    """Draw a histogram of tokens per text, and the share of texts that a limit truncates."""
    import plotly.graph_objects as go

    label = "Longest text that a model reads, in tokens"
    limit = st.select_slider(label, LENGTHS, 256, key="data_longest", persist_state="session")
    with st.spinner("Counting tokens …"):
        tokens = token_counts(fingerprint, texts)
    share = formatting.percent(float((tokens > limit).mean()))
    sampled = f" (of {SAMPLE_SIZE:,} drawn at random)" if len(texts) > SAMPLE_SIZE else ""
    st.markdown(f"**{share}** of the training texts are longer and get truncated{sampled}.")
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
def _examples(dataset: TextDataset, parts: Mapping[str, Texts], colours: dict[str, str]) -> None:
    """Draw texts of one part, filtered by class and by a search."""
    name = dataset.name
    with st.container(horizontal=True, vertical_alignment="center"):
        options = {"key": f"data_part_{name}", "required": True, **NO_LABEL}
        part = st.segmented_control("Part", parts, default=next(iter(parts)), **options)
        options = {"key": f"data_class_{name}", **NO_LABEL}
        if len(dataset.labels) <= MOST_PILLS:
            chosen_label = st.pills("Class", dataset.labels, wrap=True, **options)
        else:
            options |= {"index": None, "placeholder": "All classes", "width": 260}
            chosen_label = st.selectbox("Class", dataset.labels, **options)
        options = {"placeholder": "Search", "icon": ":material/search:", **NO_LABEL}
        query = st.text_input("Search", key="data_query", **options).strip()[:200]
    texts = parts[part]
    chosen = None if chosen_label is None else dataset.labels.index(chosen_label)
    rows = [
        row
        for row, (text, label) in enumerate(zip(texts.texts, texts.labels, strict=True))
        if chosen in (None, *numbers(label)) and query.lower() in text.lower()
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
            names = [dataset.labels[label] for label in numbers(texts.labels[row])]
            colour = colours[names[0]] if names else GREY
            heading = ", ".join(names) or answers.NO_LABEL
            st.html(example_text(texts.texts[row], heading, colour, query, EXCERPT))
