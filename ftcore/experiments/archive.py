"""Experiments as folders that can be read without the record of runs:

experiment.json     name of the experiment, its runs, and a checksum of both
<mode>-<seed>/      the files of a run, see `exchange.run_files`
"""

import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ftcore import validation
from ftcore.errors import UnfreezeError
from ftcore.exchange import run_files
from ftcore.exchange.run_files import RunTables
from ftcore.experiments.result import Result
from ftcore.storage import files
from ftcore.tracking.run_record import Run

T = TypeVar("T")
FORMAT = 1
_RECORD = "experiment.json"
_POINTS = 50  # of a training curve in short; validations are kept


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
            runs.append({"folder": folder, **run_files.to_json(result.run)})
            tables = RunTables(result.history, result.watched, result.diagnostics)
            run_files.write_tables(staging / folder, tables)
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
    return run_files.from_json({**values, "experiment": folder.name, "experiment_name": name})


def _read_result(folder: Path, values: Mapping[str, Any], name: str) -> Result:
    """A run with its tables. Raises an error of any kind if it is damaged."""
    run = _read_run(folder, values, name)
    if not re.fullmatch(r"[\w-]+", values["folder"]):
        raise ValueError("a folder elsewhere")
    tables = run_files.read_tables(folder / values["folder"], run)
    return Result(run, tables.history, tables.watched, tables.diagnostics)
