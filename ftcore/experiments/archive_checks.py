"""Checks that a run and its tables, read from an exported experiment, can be drawn."""

import math
from collections.abc import Sequence
from typing import get_args

import pandas as pd

from ftcore import validation
from ftcore.events import Status
from ftcore.tracking import Run

_COUNTS = ["steps", "steps_per_epoch", "parameters", "trainable_parameters"]
_COUNTS += ["train_texts", "val_texts", "test_texts"]
_AXES = ("step", "epoch", "seconds", "examples")
_MAX = 1e15  # of a count or a time in seconds


def check_run(run: Run) -> None:
    """Raise TypeError, ValueError or KeyError if a value has the wrong type or range."""
    validation.check_field_types(run)
    facts, metrics = run.facts, run.metrics
    counts = [facts[name] for name in _COUNTS if name in facts]
    texts = [value for name, value in facts.items() if name not in (*_COUNTS, "labels")]
    shares = [value for name, value in metrics.items() if name.endswith("_accuracy")]
    times = [value for name, value in metrics.items() if name.endswith("seconds")]
    if not (
        run.status in get_args(Status)
        and run.created.tzinfo is not None
        and validation.has_type(counts, list[int])
        and all(0 <= count < _MAX for count in counts)
        and validation.has_type(texts, list[str])
        and validation.has_type(facts.get("labels", []), list[str])
        and all(0 <= share <= 1 for share in shares)
        and all(0 <= seconds < _MAX for seconds in times)
        and not any(map(math.isinf, metrics.values()))
        and 0 <= run.phase_done < _MAX
    ):
        raise ValueError("a value of the run is out of range")


def check_history(table: pd.DataFrame) -> None:
    """Raise ValueError or KeyError if a table is not that of `tracking.history`."""
    _check_table(table, table["accuracy"])
    if not table["split"].isin(["train", "val", "test"]).all() or table["loss"].dtype != float:
        raise ValueError("split or loss is out of range")


def check_watched(table: pd.DataFrame, sentences: Sequence[str], labels: Sequence[str]) -> None:
    """Raise ValueError or KeyError if a table does not fit the watched sentences and the labels."""
    _check_table(table, table["probability"])
    for column, known in (("sentence", sentences), ("label", labels)):
        if not table[column].isin(range(len(known))).all():
            raise ValueError(f"unknown {column}")


def _check_table(table: pd.DataFrame, shares: pd.Series) -> None:
    for axis in _AXES:
        if not table[axis].astype(float).between(0, _MAX, inclusive="left").all():
            raise ValueError(f"{axis} is out of range")
    if not (table["step"] % 1 == 0).all() or not shares.dropna().between(0, 1).all():
        raise ValueError("a step or a share is out of range")
