"""Changes what the record holds: names, runs deleted, runs that ended without a word."""

import shutil

from ftcore import checkpoints, settings
from ftcore.errors import UnfreezeError
from ftcore.events import Finished
from ftcore.tracking.reader import as_run, run
from ftcore.tracking.recorder import finish
from ftcore.tracking.store import connect


def rename(run_id: str, name: str) -> None:
    """Give a run another name."""
    if not name.strip():
        raise UnfreezeError("A run needs a name; type one.")
    title = name.strip()[:250]
    client, _ = connect()
    client.update_run(run_id, name=title)
    if checkpoints.run_path(run_id).exists():
        checkpoints.update(checkpoints.run_path(run_id), title=title)


def delete(run_id: str) -> None:
    """Remove a run and its checkpoint for good. Raises UnfreezeError where it lives or is needed."""
    if run(run_id).live:
        raise UnfreezeError("This run is not over; stop it first.")
    if needing := checkpoints.dependents(run_id):
        names = ", ".join(other.title for other in needing)
        raise UnfreezeError(f"Delete first what uses its word vectors: {names}.")
    client, _ = connect()
    client.delete_run(run_id)
    shutil.rmtree(settings.runs_dir() / run_id, ignore_errors=True)


def disk_use(run_id: str) -> int:
    """Bytes that a run's files take here."""
    folder = settings.runs_dir() / run_id
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def close_interrupted() -> None:
    """Write down which runs ended without a word; they already read as interrupted."""
    client, experiment = connect()
    for status in ("SCHEDULED", "RUNNING"):  # MLflow's filter knows no IN and no OR
        for found in client.search_runs([experiment], f"attributes.status = '{status}'"):
            seen = as_run(found)
            if seen.status == "interrupted":
                finish(seen.run_id, Finished("interrupted", seen.message))
