"""Reads the curves of a run as tables."""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pandas as pd

from ftcore import paths
from ftcore.tracking.store import connect, is_home_database

COLUMNS = ["loss", "accuracy", "seconds", "epoch", "examples"]
SPLITS = {"train": [*COLUMNS, "lr"], "val": COLUMNS, "test": COLUMNS}
_WATCHED = re.compile(r"watch/\d+/\d+")  # watch/<sentence>/<label>


def history(run_id: str) -> pd.DataFrame:
    """Loss and accuracy of a run: split, step, epoch, seconds, examples, loss, accuracy, lr; by step."""
    names = [f"{split}/{column}" for split, columns in SPLITS.items() for column in columns]
    points = _points(run_id, names)
    parts = []
    for split, columns in SPLITS.items():
        part = pd.DataFrame(
            {column: pd.Series(points[f"{split}/{column}"], dtype=float) for column in columns}
        )
        part = part.rename_axis("step").sort_index().reset_index()
        parts.append(part.assign(split=split))
    parts = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(parts, ignore_index=True)


def watched(run_id: str) -> pd.DataFrame:
    """Predictions for the watched sentences: sentence and label (indices), step, epoch, seconds,
    examples, probability; in order of sentence, label and step."""
    client, _ = connect()
    names = [name for name in client.get_run(run_id).data.metrics if _WATCHED.fullmatch(name)]
    shared = ["epoch", "seconds", "examples"]
    points = _points(run_id, [*names, *(f"watch/{column}" for column in shared)]) if names else {}
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


def _points(run_id: str, metrics: Sequence[str]) -> dict[str, dict[int, float | None]]:
    """Values by step of each of these metrics; the last where a step was recorded twice.

    MLflow needs a query a metric and an object a point: 50 ms for the curves of one run. One query of the
    database in our home takes 3 ms; a live page reads each second, on the cores that train.
    """
    if not is_home_database():
        client, _ = connect()
        return {
            name: {point.step: point.value for point in client.get_metric_history(run_id, name)}
            for name in metrics
        }
    points: dict[str, dict[int, float | None]] = {name: {} for name in metrics}
    with closing(sqlite3.connect(paths.database_path(), timeout=20)) as database:
        for name, step, value in database.execute(
            "SELECT key, step, CASE is_nan WHEN 1 THEN NULL ELSE value END FROM metrics "
            "WHERE run_uuid = ? ORDER BY timestamp",
            (run_id,),
        ):
            if name in points:
                points[name][step] = value
    return points
