"""The record of one run, as it is stored."""

import contextlib

from ftcore.tracking import database
from ftcore.tracking.address import is_database
from ftcore.tracking.failures import NotInRecord
from ftcore.tracking.records import Record
from ftcore.tracking.store import connect
from ftcore.validation import printable


def record(run_id: str) -> Record:
    """The record of a run. Raises NotInRecord if there is none, or it was deleted."""
    client, experiment = connect()
    if is_database():
        if found := database.records(experiment, run_ids=[run_id]):
            return found[0]
        raise no_run(run_id)
    with contextlib.suppress(NotInRecord):  # MLflow's sentence names no way out
        run = client.get_run(run_id)
        if run.info.lifecycle_stage == "active":
            return Record.of(run)
    raise no_run(run_id)


def no_run(run_id: str) -> NotInRecord:
    return NotInRecord(f"There is no run {printable(run_id)!r}; choose one from the list of runs.")
