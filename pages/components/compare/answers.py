"""The answers that runs gave to the test texts, and which texts lie in a cell of a table of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ftcore.diagnostics.insights import Insights
from ftcore.experiments import grouping
from ftcore.experiments.result import Result

ANY = "any"  # in place of a cell: what is not agreed on


@dataclass(frozen=True)
class Model:
    """A run that kept its answers."""

    name: str
    result: Result

    @property
    def look(self) -> Insights:
        assert self.result.insights is not None
        return self.result.insights

    @property
    def sure(self) -> np.ndarray:
        """Probability of its answer, by text."""
        return self.look.probabilities.max(1)

    @property
    def said(self) -> np.ndarray:
        """Class of its answer, by text."""
        return self.look.probabilities.argmax(1)

    @property
    def right(self) -> np.ndarray:
        """Whether that is right, by text."""
        return self.said == self.look.truth


def names(results: Sequence[Result]) -> dict[str, str]:
    """What to call each run, by id: its mode, and its seed where there are several."""
    return {
        one.run.run_id: name + (f", seed {one.run.config.seed}" if len(group) > 1 else "")
        for name, group in grouping.group_by_settings(results)
        for one in group
    }


def cell_texts(first: Model, second: Model | None, cell: str) -> np.ndarray:
    """Test texts of a cell, `row-column` or ANY for what is not agreed on, the surest first."""
    truth = first.look.truth
    if second is None:
        rows, columns, sure = truth, first.said, first.sure
        differ = rows != columns
    else:
        rows, columns = ~first.right, ~second.right
        sure, differ = first.sure + second.sure, first.said != second.said
    if cell != ANY:
        row, column = parsed(cell)
        differ = (rows == row) & (columns == column)
    there = np.flatnonzero(differ)
    return there[np.argsort(-sure[there], kind="stable")]


def parsed(cell: str) -> tuple[int, int]:
    """`0-1` → row 0, column 1."""
    row, column = cell.split("-")
    return int(row), int(column)


def models(results: Sequence[Result]) -> dict[str, Model]:
    """Runs whose answers are known, by id."""
    called = names(results)
    return {
        one.run.run_id: Model(called[one.run.run_id], one)
        for one in results
        if one.correct is not None
    }
