"""Runs of another home, which arrive with their history."""

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from mlflow.entities import RunTag

from ftcore import __version__
from ftcore.events import Finished, Started
from ftcore.tracking import claims, deletion, reader, table_points
from ftcore.tracking.failures import NotInRecord
from ftcore.tracking.recorder import Recorder
from ftcore.tracking.run_record import Run
from ftcore.tracking.store import FORMAT, connect, tag

_ENDED = ("finished", "failed")
_ORIGIN, _LAST = tag("imported"), tag("config")  # the first tag of an import, and its last


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
    remove_unfinished_imports()
    client, experiment = connect()
    began = int(run.created.timestamp() * 1000)
    run_id = str(client.create_run(experiment, began, run_name=run.name).info.run_id)
    claim = claims.claim(run_id)
    try:
        client.set_tag(run_id, _ORIGIN, origin)
        tags = {"format": str(FORMAT), "version": __version__}
        tags["sequence"] = f"{reader.last_sequence() + 1:012}"
        client.log_batch(run_id, tags=[RunTag(tag(name), value) for name, value in tags.items()])
        recorder = Recorder(run_id)
        recorder.write(Started(run.facts, tuple(run.notes)))
        for point in table_points.of_tables(history, watched):
            recorder.write(point)
        place(run_id)
        status = run.status if run.status in _ENDED else "stopped"
        recorder.write(Finished(status, run.message, run.final_metrics))  # type: ignore[arg-type]
        client.set_tag(run_id, _LAST, json.dumps({**settings, "name": run.name}))
    except BaseException:
        deletion.erase(run_id)
        raise
    finally:
        claim.release()
    return run_id


def remove_unfinished_imports() -> None:
    """Remove what killed imports left: the files of a run that no list shows. Raises UnfreezeError."""
    unfinished = [
        record for record in reader.records() if _ORIGIN in record.tags and _LAST not in record.tags
    ]
    for run_id in {record.run_id for record in unfinished} - claims.claimed(unfinished):
        with contextlib.suppress(NotInRecord):  # another process has removed it
            deletion.erase(run_id)


def imported_from(origin: str) -> list[str]:
    """Ids of the runs here that were imported from the run with this id."""
    return [run.run_id for run in reader.search("imported", origin.replace("'", ""))]
