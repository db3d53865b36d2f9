"""A run with its curves and predictions, as comparisons use it."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:  # importing these loads MLflow and torch, which figures do not need
    from ftcore.diagnostics.results import Diagnostics
    from ftcore.tracking import Run


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
        if self.diagnostics is None or not len(self.diagnostics.probabilities):
            return None
        return self.diagnostics.probabilities.argmax(1) == self.diagnostics.truth

    def on_fair_clock(self) -> "Result":
        """The same result, with the seconds of its curves counted as in `train_seconds`."""
        offset = self._cached_seconds
        if not offset:
            return self
        history = self.history.assign(seconds=self.history["seconds"] + offset)
        watched = self.watched.assign(seconds=self.watched["seconds"] + offset)
        return replace(self, history=history, watched=watched)

    def seconds_to(self, accuracy: float) -> float | None:
        """Training time until the validation accuracy first reached a value; None if it never did."""
        history = self.on_fair_clock().history
        reached = history[(history["split"] == "val") & (history["accuracy"] >= accuracy)]
        return float(reached["seconds"].min()) if len(reached) else None
