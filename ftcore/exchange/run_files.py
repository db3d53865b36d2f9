"""A run and its tables as files, without paths and host names of this machine.

    history.csv, watched.csv     its curves, and what it answered to the watched sentences
    insights.npz, insights.json  its diagnostics, if it has some

The run itself is a record of JSON values, which the caller keeps. Whatever is read is checked.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import pandas as pd

from ftcore import people, validation
from ftcore.config import FineTuneConfig
from ftcore.diagnostics.results import Diagnostics
from ftcore.events import Status
from ftcore.storage import files
from ftcore.tracking.run_record import Run, current_facts

HISTORY, WATCHED = "history.csv", "watched.csv"
PATHS = {"source", "source_task_data", "vectors"}
"""Settings that name files of this machine."""
_COUNTS = ["steps", "steps_per_epoch", "parameters", "trainable_parameters"]
_COUNTS += ["train_texts", "train_classes", "val_texts", "test_texts"]
_AXES = ("step", "epoch", "seconds", "examples")
_MAX = 1e15  # of a count or a time in seconds


@dataclass(frozen=True)
class RunTables:
    """What is known of a run besides its record; tables as those of `tracking`."""

    history: pd.DataFrame
    watched: pd.DataFrame
    diagnostics: Diagnostics | None


def write_tables(folder: Path, tables: RunTables) -> None:
    """Write the tables of a run into a folder, which is created if needed."""
    for table, file in ((tables.history, HISTORY), (tables.watched, WATCHED)):
        content = table.to_csv(index=False, float_format="%.7g", lineterminator="\n")
        files.write(folder / file, content.encode())
    if tables.diagnostics is not None:
        tables.diagnostics.write(folder)


def read_tables(folder: Path, run: Run) -> RunTables:
    """Read the tables of a run. Raises an error of any kind if one is damaged or does not fit the run."""
    tables = RunTables(_table(folder / HISTORY), _table(folder / WATCHED), Diagnostics.read(folder))
    _check_history(tables.history)
    # A run that started knows its data.
    if len(tables.watched) or tables.diagnostics is not None:
        if not run.facts["dataset_fingerprint"]:
            raise ValueError("no dataset")
        _check_watched(tables.watched, run.config.watched, run.facts["labels"])
    return tables


def to_json(run: Run) -> dict[str, Any]:
    """A run as JSON values, without paths, hosts and people."""
    config = run.config.to_dict() | dict.fromkeys(PATHS, "")
    data = Path(run.config.source).name if run.config.source else run.facts.get("data_from", "")
    return asdict(run) | {
        "config": config,
        "facts": run.facts | {"data_from": str(data)},
        "phase_seconds": 0.0,
        "created": run.created.isoformat(timespec="seconds"),
        "host": "",
        "node": "",
        "person": people.SOMEONE,
        "pid": 0,
    }


def from_json(values: Mapping[str, Any]) -> Run:
    """The inverse of `to_json`; unknown names are ignored. Raises an error of any kind if it is damaged."""
    known = {field.name for field in fields(Run)}
    parsed = {
        "config": FineTuneConfig.from_record(values["config"]),
        "facts": current_facts(values["facts"]),
        "created": datetime.fromisoformat(values["created"]),
    }
    run = Run(**{name: value for name, value in values.items() if name in known} | parsed)
    _check_run(run)
    return run


def _table(file: Path) -> pd.DataFrame:
    """A table with numbers as floats, except for columns of whole numbers."""
    table = pd.read_csv(file)
    numbers = table.columns.difference(["split", "step", "sentence", "label"])
    return table.astype(dict.fromkeys(numbers, float))


def _check_run(run: Run) -> None:
    """Raise TypeError, ValueError or KeyError if a value has the wrong type or range."""
    validation.check_field_types(run)
    facts, metrics = run.facts, run.metrics
    counts = [facts[name] for name in _COUNTS if name in facts]
    others = (*_COUNTS, "evaluations_per_epoch", "labels", "several_labels")
    texts = [value for name, value in facts.items() if name not in others]
    shares = [value for name, value in metrics.items() if name.endswith(("_accuracy", "macro_f1"))]
    times = [value for name, value in metrics.items() if name.endswith("seconds")]
    if not (
        run.status in get_args(Status)
        and run.created.tzinfo is not None
        and validation.has_type(counts, list[int])
        and all(0 <= count < _MAX for count in counts)
        and validation.has_type(texts, list[str])
        and validation.has_type(facts.get("labels", []), list[str])
        and validation.has_type(facts.get("several_labels", False), bool)
        and all(0 <= share <= 1 for share in shares)
        and all(0 <= seconds < _MAX for seconds in times)
        and not any(map(math.isinf, metrics.values()))
        and 0 <= run.phase_done < _MAX
    ):
        raise ValueError("a value of the run is out of range")


def _check_history(table: pd.DataFrame) -> None:
    """Raise ValueError or KeyError if a table is not that of `tracking.history`."""
    _check_table(table, table["accuracy"])
    if "macro_f1" in table and not table["macro_f1"].dropna().between(0, 1).all():
        raise ValueError("macro F1 is out of range")
    if not table["split"].isin(["train", "val", "test"]).all() or table["loss"].dtype != float:
        raise ValueError("split or loss is out of range")


def _check_watched(table: pd.DataFrame, sentences: Sequence[str], labels: Sequence[str]) -> None:
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
