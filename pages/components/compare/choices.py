"""What the views of diagnostics share: the choice of a run, and its test texts."""

from collections.abc import Collection, Hashable, Sequence

import streamlit as st

from ftcore import answers as answering
from ftcore.colours import class_colours
from ftcore.diagnostics import dataset_texts
from ftcore.errors import UnfreezeError
from pages.components.charts.figure_parts import GREY
from pages.components.compare.predictions import RunPredictions
from pages.components.text.escaping import escape_markdown
from pages.components.text.html_fragments import example_text

EXCERPT = 320  # characters of a text


def forget_unknown(key: str, options: Collection[Hashable]) -> None:
    """Drop a widget's state that was chosen in another comparison and is no option here."""
    if st.session_state.get(key, next(iter(options))) not in options:
        del st.session_state[key]


def missing_diagnostics(purpose: str) -> None:
    """Say that runs have no diagnostics, and what a new run would show."""
    st.info(
        "These runs have no diagnostics, which are computed when a run ends. "
        f"Run the experiment again to see {purpose}."
    )


def stored_texts(run: RunPredictions) -> Sequence[str] | None:
    """The test texts of a run's dataset; without them, say so and return None."""
    try:
        return dataset_texts.load(run.result.run.facts["dataset_fingerprint"])
    except UnfreezeError as error:
        st.info(escape_markdown(str(error)))
        return None


def answered_text(row: int, texts: Sequence[str], runs: Sequence[RunPredictions]) -> str:
    """A test text with its class and what each run predicts, as safe HTML."""
    labels, at = runs[0].diagnostics.labels, [row]
    [label] = answering.names(runs[0].diagnostics.truth[at], labels)
    heading = label
    for run in runs:
        [said] = answering.names(run.predicted[at], labels)
        heading += f" · {run.name}: {said} {run.confidence[row]:.1%}"
    colour = class_colours(labels).get(label, GREY)  # grey for a set of labels
    return example_text(texts[row], heading, colour, "", EXCERPT)
