"""What the record of a run, and its tables, must hold to be drawn, where they were read from files."""

import math
from collections.abc import Sequence

import pandas as pd

from ftcore import validation
from ftcore.tracking import Run

STATUSES = ("running", "queued", "paused", "failed", "interrupted", "stopped", "finished")
_COUNTS = (
    "steps",
    "steps_per_epoch",
    "train_texts",
    "val_texts",
    "test_texts",
    "parameters",
    "trainable_parameters",
)
_AXES = ("step", "epoch", "seconds", "examples")
_LARGEST = 1e15  # of a count, or of seconds


def check_run(run: Run) -> None:
    """Raise TypeError, ValueError or KeyError where something in it is of no use."""
    validation.check_field_types(run)
    facts, metrics = run.facts, run.metrics
    counts = [facts[name] for name in _COUNTS if name in facts]
    words = [value for name, value in facts.items() if name not in _COUNTS]
    shares = [value for name, value in metrics.items() if name.endswith("_accuracy")]
    times = [value for name, value in metrics.items() if name.endswith("seconds")]
    if not (
        run.status in STATUSES
        and run.created.tzinfo is not None
        and validation.has_type(counts, list[int])
        and all(0 <= count < _LARGEST for count in counts)
        and validation.has_type(words, list[str])
        and all(0 <= share <= 1 for share in shares)
        and all(0 <= seconds < _LARGEST for seconds in times)
        and not any(map(math.isinf, metrics.values()))
        and 0 <= run.phase_done < _LARGEST
    ):
        raise ValueError("a value of no use")


def check_history(table: pd.DataFrame) -> None:
    """Raise ValueError or KeyError where a table of curves is none."""
    _check_table(table, table["accuracy"])
    if not table["split"].isin(["train", "val", "test"]).all() or table["loss"].dtype != float:
        raise ValueError("no curve")


def check_watched(table: pd.DataFrame, sentences: Sequence[str], labels: Sequence[str]) -> None:
    """Raise ValueError or KeyError where a table is none of answers to these sentences."""
    _check_table(table, table["probability"])
    for column, known in (("sentence", sentences), ("label", labels)):
        if not table[column].isin(range(len(known))).all():
            raise ValueError(f"another {column}")


def _check_table(table: pd.DataFrame, shares: pd.Series) -> None:
    for axis in _AXES:
        if not table[axis].astype(float).between(0, _LARGEST, inclusive="left").all():
            raise ValueError(f"no {axis}")
    if not (table["step"] % 1 == 0).all() or not shares.dropna().between(0, 1).all():
        raise ValueError("no share")
