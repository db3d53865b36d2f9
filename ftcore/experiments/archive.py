"""Experiments as folders that can be read without the record of runs:

experiment.json     name of the experiment, its runs, and a checksum of both
<mode>-<seed>/      history.csv, watched.csv, and the files that `Diagnostics.write` creates
"""

import json
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np
import pandas as pd

from ftcore import validation
from ftcore.config import FineTuneConfig
from ftcore.diagnostics.results import Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.events import Status
from ftcore.experiments.result import Result
from ftcore.storage import files
from ftcore.tracking.run_record import Run, current_facts

T = TypeVar("T")
FORMAT = 1
_PATHS = ("source", "source_task_data", "vectors")  # settings that name files of this machine
_RECORD, _HISTORY, _WATCHED = "experiment.json", "history.csv", "watched.csv"
_COUNTS = ["steps", "steps_per_epoch", "parameters", "trainable_parameters"]
_COUNTS += ["train_texts", "train_classes", "val_texts", "test_texts"]
_AXES = ("step", "epoch", "seconds", "examples")
_POINTS = 50  # of a training curve in short; validations are kept
_MAX = 1e15  # of a count or a time in seconds


def write(results: Sequence[Result], target: Path) -> None:
    """Write results to a new folder, without paths and host names of this machine.

    Raises UnfreezeError if the folder exists.
    """
    with files.new_folder(target) as staging:
        runs: list[dict[str, Any]] = []
        for result in results:
            folder = f"{result.run.config.mode}-{result.run.config.seed}"
            if (staging / folder).exists():  # the same mode and seed with other settings
                folder = f"{folder}-{len(runs)}"
            runs.append({"folder": folder, **_to_json(result.run)})
            for table, file in ((result.history, _HISTORY), (result.watched, _WATCHED)):
                content = table.to_csv(index=False, float_format="%.7g", lineterminator="\n")
                files.write(staging / folder / file, content.encode())
            if result.diagnostics is not None:
                result.diagnostics.write(staging / folder)
        record = {"format": FORMAT, "name": results[0].run.experiment_name, "runs": runs}
        record["checksum"] = _checksum(record)
        files.write(staging / _RECORD, json.dumps(record, indent=1).encode())


def in_short(result: Result) -> Result:
    """What a learning curve shows of a run: figures, answers, and curves to replay, in a few kilobytes."""
    diagnostics = result.diagnostics and result.diagnostics.answers_only()
    history = result.history
    training = np.flatnonzero(history["split"] == "train")
    kept = np.linspace(0, len(training) - 1, min(len(training), _POINTS)).round().astype(int)
    others = np.flatnonzero(history["split"] != "train")
    history = history.iloc[np.sort([*training[kept], *others])]
    return replace(result, history=history, watched=result.watched[:0], diagnostics=diagnostics)


def _checksum(record: Mapping[str, Any]) -> str:
    """CRC-32 of a record without its checksum: a changed digit would be shown as a figure."""
    others = {name: value for name, value in record.items() if name != "checksum"}
    return f"{zlib.crc32(json.dumps(others, sort_keys=True).encode()):08x}"


def _to_json(run: Run) -> dict[str, Any]:
    """A run as JSON values, without paths and host names."""
    config = run.config.to_dict() | dict.fromkeys(_PATHS, "")
    data = Path(run.config.source).name if run.config.source else run.facts.get("data_from", "")
    return asdict(run) | {
        "config": config,
        "facts": run.facts | {"data_from": str(data)},
        "phase_seconds": 0.0,
        "created": run.created.isoformat(timespec="seconds"),
        "host": "",
        "pid": 0,
    }


def read(folder: Path) -> list[Result]:
    """Results from a folder, whose name is the experiment's id. Raises UnfreezeError if it is damaged."""
    return _read(folder, _read_result)


def read_runs(folder: Path) -> list[Run]:
    """The runs of `read` without their tables, in a fraction of the time. Raises UnfreezeError."""
    return _read(folder, _read_run)


def _read(folder: Path, parse: Callable[[Path, Mapping[str, Any], str], T]) -> list[T]:
    """What `parse` makes of each run: given the folder, the values of the run and the experiment's name."""
    try:
        record = validation.read_json(folder / _RECORD)
        # Earlier versions wrote no checksum.
        damaged = record.get("checksum", "") not in ("", _checksum(record))
        if newer := record["format"] > FORMAT:
            parsed = []
        else:
            parsed = [parse(folder, run, record["name"]) for run in record["runs"]]
            if not parsed or len({run["run_id"] for run in record["runs"]}) < len(parsed):
                raise ValueError("no run, or the same run twice")
    except Exception:  # damaged files raise nearly anything
        raise UnfreezeError(f"{folder} holds no readable experiment; export it again.") from None
    if newer:
        raise UnfreezeError(f"{folder} was written by a newer version; update to open it.")
    if damaged:
        raise UnfreezeError(
            f"{folder / _RECORD} changed since the export; export it again, or remove its checksum if you "
            "edited it."
        )
    return parsed


def _read_run(folder: Path, values: Mapping[str, Any], name: str) -> Run:
    """A run of an exported experiment. Raises an error of any kind if it is damaged."""
    run = _from_json({**values, "experiment": folder.name, "experiment_name": name})
    _check_run(run)
    return run


def _read_result(folder: Path, values: Mapping[str, Any], name: str) -> Result:
    """A run with its tables. Raises an error of any kind if it is damaged."""
    run = _read_run(folder, values, name)
    if not re.fullmatch(r"[\w-]+", values["folder"]):
        raise ValueError("a folder elsewhere")
    folder = folder / values["folder"]
    result = Result(
        run, _table(folder / _HISTORY), _table(folder / _WATCHED), Diagnostics.read(folder)
    )
    _check_history(result.history)
    # A run that started knows its data.
    if len(result.watched) or result.diagnostics is not None:
        if not run.facts["dataset_fingerprint"]:
            raise ValueError("no dataset")
        _check_watched(result.watched, run.config.watched, run.facts["labels"])
    return result


def _from_json(values: Mapping[str, Any]) -> Run:
    """The inverse of `_to_json`; unknown names are ignored."""
    known = {field.name for field in fields(Run)}
    parsed = {
        "config": FineTuneConfig.from_record(values["config"]),
        "facts": current_facts(values["facts"]),
        "created": datetime.fromisoformat(values["created"]),
    }
    return Run(**{name: value for name, value in values.items() if name in known} | parsed)


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
