"""Changes the record: names, the queue, deleted runs, runs whose process died."""

import contextlib
import shutil

from mlflow.entities import RunTag

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.events import Finished
from ftcore.models import checkpoints
from ftcore.tracking import reader
from ftcore.tracking.recorder import finish
from ftcore.tracking.run_record import Run, UnreadableRun, is_claimed
from ftcore.tracking.store import MLFLOW_STATUS, connect, tag, writing

PROBE_SECONDS = 0.1  # longer than another caller of `is_claimed` holds a lock
MAX_NAME = 250  # characters


def rename(run_id: str, name: str) -> None:
    """Rename a run and its checkpoint. Raises UnfreezeError if the name is empty."""
    name = name.strip()[:MAX_NAME]
    if not name:
        raise UnfreezeError("A run needs a name; type one.")
    client, _ = connect()
    with writing():
        client.update_run(run_id, name=name)
    if checkpoints.run_path(run_id).exists():
        checkpoints.update(checkpoints.run_path(run_id), title=name)


def delete(run_id: str) -> None:
    """Delete a run and its files. Raises UnfreezeError if it is live, or another checkpoint needs it."""
    with contextlib.suppress(UnreadableRun):
        if reader.run(run_id).live:
            raise UnfreezeError("This run is not over; stop it first.")
    if dependents := checkpoints.dependents(run_id):
        names = ", ".join(checkpoint.title for checkpoint in dependents)
        raise UnfreezeError(f"Delete first what uses its word vectors: {names}.")
    client, _ = connect()
    with writing():
        client.delete_run(run_id)
    shutil.rmtree(paths.runs_dir() / run_id, ignore_errors=True)


def disk_use(run_id: str) -> int:
    """Size of a run's files, in bytes."""
    folder = paths.runs_dir() / run_id
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def enqueue(run_id: str, place: float) -> None:
    """Record a run as queued, at a place."""
    client, _ = connect()
    tags = {"status": "queued", "message": "", "place": str(place)}
    with writing():
        client.log_batch(run_id, tags=[RunTag(tag(key), value) for key, value in tags.items()])
        client.update_run(run_id, status=MLFLOW_STATUS["queued"])


def waiting() -> list[Run]:
    """The queued runs that no process has claimed, by place."""
    # By our own tag, since a process killed while it queues a run does not set MLflow's status.
    queued = [run for run in reader.search(f"tags.`{tag('status')}` = 'queued'") if run.place]
    unclaimed = [run for run in queued if not is_claimed(run.run_id, timeout=PROBE_SECONDS)]
    return sorted(unclaimed, key=lambda run: run.place)


def close_interrupted() -> None:
    """Record the end of runs whose process died, and which therefore read as interrupted."""
    for status in ("SCHEDULED", "RUNNING"):  # MLflow's filter has no OR
        for run in reader.search(f"attributes.status = '{status}'"):
            if run.status == "interrupted":
                finish(run.run_id, Finished("interrupted", run.message))
