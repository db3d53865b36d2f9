"""Changes what the record holds: names, runs deleted, runs that ended without a word."""

import contextlib
import shutil

from mlflow.entities import RunTag

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.events import Finished
from ftcore.models import checkpoints
from ftcore.tracking.locks import claimed
from ftcore.tracking.reader import Broken, Run, readable, run
from ftcore.tracking.recorder import finish
from ftcore.tracking.store import MLFLOW_STATUS, connect, tag, writing


def rename(run_id: str, name: str) -> None:
    """Give a run another name."""
    if not name.strip():
        raise UnfreezeError("A run needs a name; type one.")
    title = name.strip()[:250]
    client, _ = connect()
    with writing():
        client.update_run(run_id, name=title)
    if checkpoints.run_path(run_id).exists():
        checkpoints.update(checkpoints.run_path(run_id), title=title)


def delete(run_id: str) -> None:
    """Remove a run and its checkpoint for good. Raises UnfreezeError where it lives or is needed."""
    with contextlib.suppress(Broken):
        if run(run_id).live:
            raise UnfreezeError("This run is not over; stop it first.")
    if needing := checkpoints.dependents(run_id):
        names = ", ".join(other.title for other in needing)
        raise UnfreezeError(f"Delete first what uses its word vectors: {names}.")
    client, _ = connect()
    with writing():
        client.delete_run(run_id)
    shutil.rmtree(paths.runs_dir() / run_id, ignore_errors=True)


def disk_use(run_id: str) -> int:
    """Bytes that a run's files take here."""
    folder = paths.runs_dir() / run_id
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def enqueue(run_id: str, place: float) -> None:
    """Put a run on the queue, or elsewhere on it."""
    client, _ = connect()
    tags = {"status": "queued", "message": "", "place": str(place)}
    with writing():
        client.log_batch(run_id, tags=[RunTag(tag(key), value) for key, value in tags.items()])
        client.update_run(run_id, status=MLFLOW_STATUS["queued"])


def waiting() -> list[Run]:
    """The runs on the queue that no process works on, first come first."""
    client, experiment = connect()
    # By our own tag: a process that is killed while it queues a run leaves MLflow's status behind.
    queued_ones = f"tags.`{tag('status')}` = 'queued'"
    found = client.search_runs([experiment], queued_ones, order_by=["start_time"])
    queued = [one for one in readable(found) if one.status == "queued" and one.place]
    free = [one for one in queued if not claimed(one.run_id, surely=True)]
    return sorted(free, key=lambda one: one.place)


def close_interrupted() -> None:
    """Write down which runs ended without a word; they already read as interrupted."""
    client, experiment = connect()
    for status in ("SCHEDULED", "RUNNING"):  # MLflow's filter knows no IN and no OR
        found = client.search_runs([experiment], f"attributes.status = '{status}'")
        for seen in readable(found):
            if seen.status == "interrupted":
                finish(seen.run_id, Finished("interrupted", seen.message))
