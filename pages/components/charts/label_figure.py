"""Where texts may have several labels: how often a run finds each of them, misses it, or says it wrongly."""

import numpy as np
import plotly.graph_objects as go

from ftcore.diagnostics.results import Diagnostics
from pages.components.charts.figure_parts import empty_figure, short_name
from pages.components.charts.matrix_figures import Cell, add_matrix
from pages.components.text.escaping import escape_html

MOST_LABELS = 15  # of a table that can be read: those with most mistakes
OUTCOMES = ("found", "missed", "said wrongly")


def by_label(look: Diagnostics, name: str, colour: str, chosen: Cell | None = None) -> go.Figure:
    """The test texts of each label (rows) by outcome (columns)."""
    rows = labels_drawn(look)
    counts = np.array([[part.sum() for part in outcomes(look, label)] for label in rows])
    shown = "Share of the texts that have a label, or are said to."
    if len(rows) < len(look.labels):
        shown += f" The {len(rows)} of {len(look.labels)} labels with most mistakes."
    fig = empty_figure(f"{escape_html(name)}, label by label", shown)
    names = [short_name(look.labels[label]) for label in rows], OUTCOMES
    add_matrix(fig, counts, counts.sum(1, keepdims=True), names, colour, chosen)
    return fig


def labels_drawn(look: Diagnostics) -> list[int]:
    """The labels of the table, in their order."""
    wrong = (look.truth != look.answers).sum(0)
    return sorted(np.argsort(-wrong, kind="stable")[:MOST_LABELS].tolist())


def outcomes(look: Diagnostics, label: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For which test texts a label is found, missed and said wrongly, each bool [texts]."""
    has, said = look.truth[:, label], look.answers[:, label]
    return has & said, has & ~said, ~has & said
