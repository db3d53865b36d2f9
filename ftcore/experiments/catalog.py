"""Lists and loads experiments: those in the record of runs, and those bundled with Unfreeze."""

import functools
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pandas as pd

from ftcore import paths, tracking
from ftcore.diagnostics.results import Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.experiments import archive
from ftcore.experiments.kinds import Kind, kind_of
from ftcore.experiments.result import Result
from ftcore.tracking import Run
from ftcore.validation import printable

LEADING = "imdb-labels"
"""The bundled experiment that has most to teach: modes of a real encoder on more and more reviews."""
BUNDLED = (LEADING, "sample")
"""Ids of the bundled experiments, in the order of the list."""
# The status of an experiment is the first of these that one of its runs has.
_STATUSES = ("running", "queued", "paused", "failed", "interrupted", "stopped", "finished")


def experiments() -> pd.DataFrame:
    """All experiments, newest first, the bundled ones last, in their own order.

    Columns: experiment, name, kind, started, runs and finished (how many), status.
    """
    runs = tracking.runs()
    rows = [
        _row(str(experiment), group["experiment_name"].iloc[0], group)
        for experiment, group in runs[runs["experiment"] != ""].groupby("experiment", sort=False)
    ]
    for experiment, bundled in _bundled().items():
        values = [(run.config.limit, run.created, run.status) for run in bundled]
        table = pd.DataFrame(values, columns=["limit", "started", "status"])
        rows.append(_row(experiment, bundled[0].experiment_name, table))
    columns = ["experiment", "name", "kind", "started", "runs", "finished", "status"]
    return pd.DataFrame(rows, columns=columns)


def _row(
    experiment: str, name: str, runs: pd.DataFrame
) -> tuple[str, str, Kind, datetime, int, int, str]:
    statuses, kind = runs["status"].tolist(), kind_of(runs["limit"])
    finished = statuses.count("finished")
    started = min(runs["started"])
    return experiment, name, kind, started, len(runs), finished, status_of(statuses)


def status_of(statuses: Iterable[str]) -> str:
    """The status of an experiment, from those of its runs."""
    return min(statuses, key=_STATUSES.index)


def run_ids(experiment: str) -> list[str]:
    """Ids of an experiment's runs, in order. Raises UnfreezeError if there is no such experiment."""
    if experiment in BUNDLED:
        ids = [run.run_id for run in _bundled().get(experiment, [])]
    else:
        runs = tracking.runs()
        ids = runs.loc[(runs["experiment"] == experiment) & (experiment != ""), "run_id"].tolist()
        ids.reverse()
    if not ids:
        there = "the Compare page and `python -m ftcore experiments` list those there are"
        raise UnfreezeError(f"There is no experiment {printable(experiment)!r}; {there}.")
    return ids


def load(which: str | Sequence[str]) -> list[Result]:
    """Results of an experiment, or of the runs with the given ids. Raises UnfreezeError."""
    if isinstance(which, str) and which in _bundled():
        return _read_once(paths.BUNDLED_EXPERIMENTS / which)
    ids = run_ids(which) if isinstance(which, str) else which
    owners = {run.run_id: name for name, runs in _bundled().items() for run in runs}
    return [
        _bundled_result(owners[run_id], run_id)
        if run_id in owners
        else result(tracking.run(run_id))
        for run_id in ids
    ]


def result(run: Run) -> Result:
    """A run with its tables and diagnostics; those of a finished one are read once."""
    tables = _finished_tables if run.status == "finished" else _tables
    return Result(run, *tables(run.run_id))


def export(experiment: str, target: Path) -> None:
    """Write an experiment to a new folder (see `archive`). Raises UnfreezeError if it is not over.

    Of a learning curve, which has many runs, figures, answers and curves of a few points are written.
    """
    results = load(experiment)
    if any(result.run.live or result.run.resumable for result in results):
        finished = sum(result.run.status == "finished" for result in results)
        raise UnfreezeError(
            f"This experiment is not over, {finished} of {len(results)} runs are finished; resume it, "
            "or end its other runs, and export it then."
        )
    if kind_of(result.run.config.limit for result in results) == "learning curve":
        results = list(map(archive.in_short, results))
    archive.write(results, target)


def _tables(run_id: str) -> tuple[pd.DataFrame, pd.DataFrame, Diagnostics | None]:
    return tracking.history(run_id), tracking.watched(run_id), Diagnostics.of_run(run_id)


_finished_tables = functools.lru_cache(maxsize=256)(_tables)  # finished runs do not change


def _bundled() -> dict[str, list[Run]]:
    """The runs of the bundled experiments by id, without those that are missing or broken."""
    runs = {}
    for experiment in BUNDLED:
        with suppress(UnfreezeError):
            runs[experiment] = _read_runs_once(paths.BUNDLED_EXPERIMENTS / experiment)
    return runs


def _bundled_result(experiment: str, run_id: str) -> Result:
    results = _read_once(paths.BUNDLED_EXPERIMENTS / experiment)
    return next(each for each in results if each.run.run_id == run_id)


_read_runs_once = functools.cache(archive.read_runs)
_read_once = functools.cache(archive.read)
