"""Runs of another home, which arrive with their history."""

import json
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from ftcore import __version__, paths
from ftcore.events import Finished, Started
from ftcore.tracking import reader, table_points
from ftcore.tracking.recorder import Recorder
from ftcore.tracking.run_record import Run
from ftcore.tracking.store import FORMAT, connect, tag

_ENDED = ("finished", "failed")


def import_run(
    run: Run,
    origin: str,
    settings: Mapping[str, Any],
    history: pd.DataFrame,
    watched: pd.DataFrame,
    place: Callable[[str], None],
) -> str:
    """Record a run of another home, with tables as those of `reader`, and return its new id.

    origin: its id there. settings: its config as recorded there, since a parsed one forgets what depends on
    a checkpoint that is not here. `place` writes its files, given the new id. A run that had not ended there
    counts as stopped, as its snapshot did not come along. The run is listed when all of it is here; nothing
    of it stays after an error. Raises UnfreezeError.
    """
    client, experiment = connect()
    tags = {"format": str(FORMAT), "version": __version__, "imported": origin}
    tags["sequence"] = f"{reader.last_sequence() + 1:012}"
    prefixed = {tag(name): value for name, value in tags.items()}
    began = int(run.created.timestamp() * 1000)
    run_id = str(client.create_run(experiment, began, prefixed, run.name).info.run_id)
    try:
        place(run_id)
        recorder = Recorder(run_id)
        recorder.write(Started(run.facts, tuple(run.notes)))
        for point in table_points.of_tables(history, watched):
            recorder.write(point)
        status = run.status if run.status in _ENDED else "stopped"
        recorder.write(Finished(status, run.message, run.final_metrics))  # type: ignore[arg-type]
        client.set_tag(run_id, tag("config"), json.dumps({**settings, "name": run.name}))
    except BaseException:
        client.delete_run(run_id)
        shutil.rmtree(paths.runs_dir() / run_id, ignore_errors=True)
        raise
    return run_id


def imported_from(origin: str) -> list[str]:
    """Ids of the runs here that were imported from the run with this id."""
    return [run.run_id for run in reader.search("imported", origin.replace("'", ""))]
