"""The queue in the record: which runs wait, at which places, and which of them a process executes."""

import time

from mlflow.entities import RunTag

from ftcore.tracking import reader
from ftcore.tracking.address import is_home_database
from ftcore.tracking.claims import claimed, lock_file
from ftcore.tracking.records import Record
from ftcore.tracking.run_record import Run
from ftcore.tracking.store import MLFLOW_STATUS, connect, tag

PROBE_SECONDS = 0.1  # longer than another caller of `is_locked` holds a lock
_PLACE = tag("place")


def mark_as_ours(run_id: str) -> None:
    """Let `waiting` tell the runs of this home from those of others that share the record."""
    lock_file(run_id).parent.mkdir(parents=True, exist_ok=True)
    lock_file(run_id).touch()


def enqueue(run_id: str, place: float, message: str = "", losses: int = 0) -> None:
    """Record a run as queued, at a place. `losses`: how often its process was lost before."""
    client, _ = connect()
    mark_as_ours(run_id)
    tags = {"status": "queued", "message": message, "place": str(place), "losses": str(losses)}
    client.log_batch(run_id, tags=[RunTag(tag(key), value) for key, value in tags.items()])
    client.update_run(run_id, status=MLFLOW_STATUS["queued"])


def is_ours(run_id: str) -> bool:
    """Whether a run was asked for from this home."""
    return lock_file(run_id).exists()


def waiting(elsewhere: bool = False) -> list[Run]:
    """The queued runs that no process has claimed, by place.

    Of other homes that share the record only if asked for, as their files may not be here.
    """
    queued = _queued()
    if not is_home_database() and not elsewhere:
        queued = [record for record in queued if is_ours(record.run_id)]
    begun = claimed(queued, PROBE_SECONDS)
    unclaimed = [record for record in queued if record.run_id not in begun]
    return sorted(reader.readable(unclaimed), key=lambda run: run.place)


def next_place() -> float:
    """The place behind all queued runs: the time, unless the clock was set back meanwhile."""
    return max([time.time(), *(float(record.tags[_PLACE]) + 1 for record in _queued())])


def executed() -> list[str]:
    """Ids of the runs that processes execute: of this machine, or of all that share the record."""
    return list(claimed(reader.records("status", "running"), PROBE_SECONDS))


def lost() -> list[Run]:
    """The runs of Ray workers whose process is gone without having recorded an end."""
    running = reader.search("status", "running")
    return [run for run in running if run.lost and run.worker == "ray"]


def say(run_id: str, message: str) -> None:
    """Record why a run waits."""
    client, _ = connect()
    client.set_tag(run_id, tag("message"), message)


def _queued() -> list[Record]:
    # By our own tag, since a process killed while it queues a run does not set MLflow's status.
    return [record for record in reader.records("status", "queued") if record.tags.get(_PLACE)]
