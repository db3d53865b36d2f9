"""Tables of a run's curves, as `reader` returns them, back to the events that were recorded."""

import pandas as pd

from ftcore.events import Evaluation, Point, Step, Watched
from ftcore.tracking import reader

_ORDER = {Step: 0, Evaluation: 1, Watched: 2}  # in which those of one step are recorded


def points(run_id: str) -> list[Point]:
    """Return the points of a run that the record shows so far."""
    return of_tables(reader.history(run_id), reader.watched(run_id))


def of_tables(history: pd.DataFrame, watched: pd.DataFrame) -> list[Point]:
    """Return the points in the order in which they were recorded.

    A point of which only a part can be read, as while it is being written, is left out.
    """
    found = [*_of_curves(history), *_of_sentences(watched)]
    return sorted(found, key=lambda point: (point.step, _ORDER[type(point)]))


def _of_curves(history: pd.DataFrame) -> list[Point]:
    found: list[Point] = []
    for row in history.dropna(subset=["epoch", "examples"]).to_dict("records"):
        at = (int(row["step"]), row["epoch"], row["seconds"], int(row["examples"]))
        if row["split"] == "train":
            found.append(Step(*at, row["loss"], row["accuracy"], row["lr"]))
        else:
            f1 = row.get("macro_f1")
            known = None if pd.isna(f1) else f1
            found.append(Evaluation(row["split"], *at, row["loss"], row["accuracy"], known))
    return found


def _of_sentences(watched: pd.DataFrame) -> list[Point]:
    found: list[Point] = []
    for step, table in watched.dropna(subset=["epoch", "examples"]).groupby("step"):
        first = table.iloc[0]
        rows = table.pivot(index="sentence", columns="label", values="probability")
        at = (float(first["epoch"]), float(first["seconds"]), int(first["examples"]))
        found.append(Watched(int(step), *at, tuple(map(tuple, rows.to_numpy().tolist()))))
    return found
