"""A run with its curves and predictions, as comparisons use it."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:  # importing these loads MLflow and torch, which figures do not need
    from ftcore.diagnostics.results import Diagnostics
    from ftcore.tracking import Run

Measure = Literal["accuracy", "macro-f1"]
"""What runs are compared by."""


@dataclass(frozen=True)
class Result:
    """A run and its tables, as `tracking.history` and `tracking.watched` return them."""

    run: "Run"
    history: pd.DataFrame
    watched: pd.DataFrame
    diagnostics: "Diagnostics | None"

    @property
    def complete(self) -> bool:
        """Whether the run finished and was tested."""
        return self.run.status == "finished" and "test_accuracy" in self.run.metrics

    @property
    def test_accuracy(self) -> float:
        return self.run.metrics["test_accuracy"]

    def score(self, measure: Measure) -> float:
        """The test accuracy or macro F1; NaN if the latter is not known."""
        f1 = math.nan if self.macro_f1 is None else self.macro_f1
        return self.test_accuracy if measure == "accuracy" else f1

    @property
    def macro_f1(self) -> float | None:
        """Of the test; runs of earlier versions recorded none, so from their answers. None without them."""
        return self._by_class("macro_f1")

    @property
    def balanced_accuracy(self) -> float | None:
        """Of the test, as `macro_f1`."""
        return self._by_class("balanced_accuracy")

    def _by_class(self, name: Literal["macro_f1", "balanced_accuracy"]) -> float | None:
        if name in self.run.metrics or self.answers is None:
            return self.run.metrics.get(name)
        assert self.diagnostics is not None  # as there are answers
        return getattr(self.diagnostics.by_class, name)

    @property
    def train_seconds(self) -> float:
        """Training time, including the text vectors of a frozen body if an earlier run computed them."""
        return self.run.metrics.get("train_seconds", math.nan) + self._cached_seconds

    @property
    def _cached_seconds(self) -> float:
        """Seconds that an earlier run spent on the text vectors that this run reused."""
        metrics = self.run.metrics
        return metrics.get("features_seconds", 0.0) * metrics.get("features_kept", 0.0)

    @property
    def correct(self) -> np.ndarray | None:
        """Which test texts the run classified correctly, bool [texts]; None without predictions."""
        if self.answers is None:
            return None
        assert self.diagnostics is not None
        return self.diagnostics.right

    @property
    def answers(self) -> np.ndarray | None:
        """What the run answers to the test texts, see `ftcore.answers`; None without predictions."""
        if self.diagnostics is None or not len(self.diagnostics.probabilities):
            return None
        return self.diagnostics.answers

    def on_fair_clock(self) -> "Result":
        """The same result, with the seconds of its curves counted as in `train_seconds`."""
        offset = self._cached_seconds
        if not offset:
            return self
        history = self.history.assign(seconds=self.history["seconds"] + offset)
        watched = self.watched.assign(seconds=self.watched["seconds"] + offset)
        return replace(self, history=history, watched=watched)

    def seconds_to(self, level: float, measure: Measure = "accuracy") -> float | None:
        """Training time until the measure on validation first reached a level; None if it never did."""
        history, curve = self.on_fair_clock().history, measure.replace("-", "_")
        reached = history[(history["split"] == "val") & (history[curve] >= level)]
        return float(reached["seconds"].min()) if len(reached) else None
