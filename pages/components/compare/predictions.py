"""Predictions of runs for the test texts, and which texts lie in a cell of a table of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ftcore import answers as answering
from ftcore.diagnostics.results import Diagnostics
from ftcore.experiments.result import Result
from pages.components.charts import answers_figure, run_curves

DIFFERENT = "any"  # instead of a cell: the texts on which the two answers differ


@dataclass(frozen=True)
class RunPredictions:
    """A run that kept its predictions; the arrays have one value for each test text."""

    name: str
    result: Result

    @property
    def diagnostics(self) -> Diagnostics:
        assert self.result.diagnostics is not None
        return self.result.diagnostics

    @property
    def confidence(self) -> np.ndarray:
        return answering.confidence(self.diagnostics.probabilities, self.predicted)

    @property
    def predicted(self) -> np.ndarray:
        return self.diagnostics.answers

    @property
    def correct(self) -> np.ndarray:
        return self.diagnostics.right


def run_predictions(results: Sequence[Result]) -> dict[str, RunPredictions]:
    """Runs that kept their predictions, by id; named by mode, and by seed if a mode has several."""
    labels = run_curves.labels_by_id(results)
    known = {result.run.run_id: result for result in results if result.correct is not None}
    return {run_id: RunPredictions(labels[run_id], result) for run_id, result in known.items()}


def texts_in_cell(first: RunPredictions, second: RunPredictions | None, cell: str) -> np.ndarray:
    """Rows of the test texts in a cell (`row-column`, or DIFFERENT), the most confident answers first.

    Without a `second` run it is a cell of `answers_figure`, else whether each run is wrong.
    """
    cell_parts = None if cell == DIFFERENT else parse_cell(cell)
    if second is None:
        confidence, selected = first.confidence, ~first.correct
        if cell_parts:
            selected = answers_figure.in_cell(first.diagnostics, cell_parts)
    else:
        confidence = first.confidence + second.confidence
        selected = ~answering.right(first.predicted, second.predicted)
        if cell_parts:
            row, column = cell_parts
            selected = (~first.correct == row) & (~second.correct == column)
    texts = np.flatnonzero(selected)
    return texts[np.argsort(-confidence[texts], kind="stable")]


def parse_cell(cell: str) -> tuple[int, int]:
    """`0-1` → row 0, column 1."""
    row, column = cell.split("-")
    return int(row), int(column)
