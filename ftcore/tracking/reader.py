"""Reads the record: the runs, and the curves of a run as tables."""

import contextlib
import functools
import re
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from ftcore.data.datasets import as_recorded
from ftcore.errors import UnfreezeError
from ftcore.tracking import database, stored
from ftcore.tracking.address import is_database, tracking_uri
from ftcore.tracking.records import Record
from ftcore.tracking.run_record import Run, from_record, has_process
from ftcore.tracking.store import connect, tag, writes

CACHE_SECONDS = 1.0  # until a table shows what other processes wrote
_RUN_COLUMNS = ("run_id", "name", "status", "experiment", "experiment_name", "message", "imported")
_CONFIG_COLUMNS = ("mode", "dataset", "checkpoint", "epochs", "limit", "seed", "class_weights")
_OTHER_COLUMNS = ("started", "seconds", "val_accuracy", "test_accuracy", "config")
_COLUMNS = [*_RUN_COLUMNS, *_CONFIG_COLUMNS, *_OTHER_COLUMNS]
_TEXT_COLUMNS = [*_RUN_COLUMNS, "mode", "dataset", "checkpoint", "class_weights"]
_POINT_COLUMNS = ["loss", "accuracy", "seconds", "epoch", "examples"]
_EVALUATION_COLUMNS = [*_POINT_COLUMNS, "macro_f1"]
_SPLITS = {
    "train": [*_POINT_COLUMNS, "lr"],
    "val": _EVALUATION_COLUMNS,
    "test": _EVALUATION_COLUMNS,
}
_WATCHED = re.compile(r"watch/\d+/\d+")  # watch/<sentence>/<label>
_read_lock = threading.Lock()


def runs() -> pd.DataFrame:
    """All runs, newest first, one a row. The status of an unreadable one is "unreadable".

    Pages share one table a second, unless this process writes: many viewers cost as much as one.
    """
    connect()  # creates a store that is not there yet
    with _read_lock:
        return _runs(tracking_uri(), writes(), int(time.monotonic() / CACHE_SECONDS)).copy()


@functools.lru_cache(maxsize=1)
def _runs(uri: str, writes: int, second: int) -> pd.DataFrame:
    # MLflow sorts by when they began, and clocks are set back; earlier versions recorded no sequence.
    newest_first = sorted(
        records(), key=lambda record: record.tags.get(tag("sequence"), ""), reverse=True
    )
    rows = _rows.of(record for record in newest_first if tag("config") in record.tags)
    # Pages go through the columns of text, which takes five times as long with those of pandas' own type.
    return pd.DataFrame(rows, columns=_COLUMNS).astype(dict.fromkeys(_TEXT_COLUMNS, object))


class _Rows:
    """The rows of the list. That of a run that no process works on is kept until its record changes."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Record, dict[str, Any]]] = {}

    def of(self, records: Iterable[Record]) -> list[dict[str, Any]]:
        self._kept = {record.run_id: (record, self._row(record)) for record in records}
        return [row for _, row in self._kept.values()]

    def _row(self, record: Record) -> dict[str, Any]:
        known, row = self._kept.get(record.run_id, (None, {}))
        dataset = row.get("dataset", "")  # one that got its first labels has versions since
        if known == record and not has_process(record) and as_recorded(dataset) == dataset:
            return row
        return _row(record)


_rows = _Rows()


def records(name: str = "", value: str = "") -> list[Record]:
    """The records of runs: all, or those with this value of a tag of ours."""
    client, experiment = connect()
    if is_database():
        return database.records(experiment, tag(name) if name else "", value)
    condition = f"tags.`{tag(name)}` = '{value}'" if name else ""
    found: list[Record] = []
    token = None
    while True:
        page = client.search_runs([experiment], condition, page_token=token)
        found += map(Record.of, page)
        token = page.token
        if not token:
            return found


def _row(record: Record) -> dict[str, Any]:
    try:
        run = from_record(record)
    except UnfreezeError as error:
        row: dict[str, Any] = dict.fromkeys(_COLUMNS, "")
        row |= dict.fromkeys(("epochs", "limit", "seed"), 0) | dict.fromkeys(_OTHER_COLUMNS)
        row |= {"run_id": record.run_id, "name": record.name, "started": record.created}
        return row | {"status": "unreadable", "message": str(error)}
    return {
        **{column: getattr(run, column) for column in _RUN_COLUMNS},
        **{column: getattr(run.config, column) for column in _CONFIG_COLUMNS},
        "started": run.created,
        "seconds": run.metrics.get("seconds"),
        "val_accuracy": run.metrics.get("val_accuracy", run.metrics.get("val/accuracy")),
        "test_accuracy": run.metrics.get("test_accuracy"),
        "config": run.config,
    }


def run(run_id: str) -> Run:
    """The record of a run. Raises UnfreezeError if there is none, or it cannot be read."""
    record = stored.record(run_id)
    if tag("config") not in record.tags:  # another program's
        raise stored.no_run(run_id)
    return from_record(record)


def find_runs(run_ids: Iterable[str]) -> list[Run]:
    """The runs among `run_ids` that exist and can be read, in this order; none if the record is away."""
    runs = []
    if not is_database():
        for run_id in run_ids:
            with contextlib.suppress(UnfreezeError):
                runs.append(run(run_id))
        return runs
    with contextlib.suppress(UnfreezeError):
        _, experiment = connect()
        ids = list(run_ids)
        found = {record.run_id: record for record in database.records(experiment, run_ids=ids)}
        runs = readable(found[run_id] for run_id in ids if run_id in found)
    return runs


def search(name: str = "", value: str = "") -> list[Run]:
    """The readable runs: all, or those with this value of a tag of ours."""
    return readable(records(name, value))


def readable(records: Iterable[Record]) -> list[Run]:
    """These runs, without those that cannot be read."""
    runs = []
    for record in records:
        with contextlib.suppress(UnfreezeError):
            runs.append(from_record(record))
    return runs


def last_sequence() -> int:
    """The number of the newest run, in the order of creation; 0 if there is none."""
    if is_database():
        number = database.greatest_tag(tag("sequence"))
    else:
        client, experiment = connect()
        order = [f"tags.`{tag('sequence')}` DESC"]
        newest = client.search_runs([experiment], max_results=1, order_by=order)
        number = newest[0].data.tags.get(tag("sequence"), "") if newest else ""
    return int(number) if number.isdecimal() else 0


def last_timestamp(run_id: str) -> int:
    """The timestamp of the last point of a run in milliseconds, 0 if there is none."""
    if is_database():
        return database.last_timestamp(run_id)
    client, _ = connect()
    # All of a point are recorded at once; those without a slash at an end of the run.
    latest = client.get_run(run_id).data.metrics
    names = [name for name in latest if "/" not in name or name.endswith("/seconds")]
    histories = [client.get_metric_history(run_id, name) for name in names]
    return max([0, *(point.timestamp for history in histories for point in history)])


def last_failure() -> str | None:
    """The message of the run that failed last. Raises UnfreezeError if the record cannot be read."""
    client, experiment = connect()
    condition, order = f"tags.`{tag('status')}` = 'failed'", ["attributes.end_time DESC"]
    failed = client.search_runs([experiment], condition, max_results=1, order_by=order)
    try:
        return from_record(Record.of(failed[0])).message if failed else None
    except UnfreezeError as error:  # only this run is unreadable
        return str(error)


def history(run_id: str) -> pd.DataFrame:
    """Curves of a run: split, step, epoch, seconds, examples, loss, accuracy, macro_f1, lr; by step.

    All columns are there before the first point of a split. Points of earlier versions have no macro_f1.
    """
    names = [f"{split}/{column}" for split, columns in _SPLITS.items() for column in columns]
    points = points_by_step(run_id, names)
    parts = []
    for split, columns in _SPLITS.items():
        curves = {column: pd.Series(points[f"{split}/{column}"], dtype=float) for column in columns}
        part = pd.DataFrame(curves).rename_axis("step").sort_index()
        parts.append(part.reset_index().assign(split=split))
    names = list(dict.fromkeys(name for part in parts for name in part))
    parts = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(parts, ignore_index=True).reindex(columns=names)


def watched(run_id: str) -> pd.DataFrame:
    """Predictions for the watched sentences: sentence and label (indices), step, epoch, seconds,
    examples, probability; in order of sentence, label and step."""
    client, _ = connect()
    names = [name for name in client.get_run(run_id).data.metrics if _WATCHED.fullmatch(name)]
    shared = ["epoch", "seconds", "examples"]
    points = (
        points_by_step(run_id, [*names, *(f"watch/{column}" for column in shared)]) if names else {}
    )
    rows = [
        {"sentence": int(sentence), "label": int(label), "step": step, "probability": probability}
        | {column: points[f"watch/{column}"].get(step) for column in shared}
        for name in names
        for _, sentence, label in [name.split("/")]
        for step, probability in points[name].items()
    ]
    columns = ["sentence", "label", "step", *shared, "probability"]
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["sentence", "label", "step"], ignore_index=True)


def points_by_step(run_id: str, metrics: Iterable[str]) -> dict[str, dict[int, float | None]]:
    """Values by step of each of these metrics; the last where a step was recorded twice."""
    points: dict[str, dict[int, float | None]] = {name: {} for name in metrics}
    for name, step, value in _points(run_id, points):
        if name in points:
            points[name][step] = value
    return points


def _points(run_id: str, metrics: Iterable[str]) -> Iterator[tuple[str, int, float | None]]:
    """Metric, step and value, at least of these metrics; those of a step in the order of recording."""
    if is_database():
        yield from database.points(run_id)
        return
    client, _ = connect()
    for name in metrics:
        history = client.get_metric_history(run_id, name)
        for point in sorted(history, key=lambda point: point.timestamp):
            yield name, point.step, point.value
